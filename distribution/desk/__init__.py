"""THE SUPPORT DESK: what becomes of a failure, and who works on it.

``incidents`` opens, attaches, raises and closes; ``escalation`` (pure) says which tier; ``tickets``
is what the tiers see; ``failure_table`` is what each code means here, in the customer's language.
Everything that people should hear of is a line in ``news``, written in the same transaction.
Imports the tables and the language; never ``api``, ``notify`` or ``console``.
"""
