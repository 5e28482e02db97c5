"""The language: what we ship, and who may install it when.

Both sides of the product speak it: the server writes these documents, the agent reads them, and
``decision.decide`` is the one function that says what a site does next. Everything here is pure:
no clock, file, socket or database; ``now`` is always an argument. Start at ``decision``.

May import: the standard library, pydantic, packaging, dateutil, tuf.api and securesystemslib
(which carries the DSSE envelope). Imported by every other package.
"""
