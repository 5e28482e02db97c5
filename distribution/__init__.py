"""THE SERVER: the repository of signed files, the HTTP API, the scheduler, the support desk.

Entry points: ``hsp`` (``__main__``, ``cli``) for staff, and ``hsp serve``, which runs the API, the
scheduler and the static repository in one process. Everything that decides is pure and takes
``now`` (``control.assessment``, ``desk.escalation``); everything that acts is the scheduler or a
command of a person, over the same functions. All state is in the database and in the repository;
the published plan is a repeatable consequence of the database.

- ``repository``: releases and deltas, published, renewed, cleaned up (boto3 in ``bucket`` only)
- ``control``: who gets what when, and what can hold it; ``planning`` shows it before it happens
- ``calendars``: freezes and windows; ``emergency``: what one L3 engineer may do alone at night
- ``sites``: what sites say and who speaks for them; ``quick``: the same from memory, for little
- ``scheduling``: what happens by itself; ``events`` is for those who watch it
- ``desk``: what becomes of a failure; ``notify``: who hears of it (boto3 for SMS)
- ``client_reports``, ``receipts``, ``languages``: what clients and third parties read
- ``people``: who may do what; ``audit``: who did it; ``drills``: rotations and thefts, rehearsed
- ``database`` and ``migrations``: SQLite or PostgreSQL; ``backup`` of it
- for whoever runs it: ``settings``, ``home``, ``doctor``, ``capacity``, ``telemetry``
- its edges: ``api`` and ``console`` (FastAPI in these two only), ``cli``

Each package's docstring is its readme. Imports ``manifests`` and ``signing``; nothing imports it.
"""
