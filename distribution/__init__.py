"""The server: the repository of signed files, the HTTP API, the scheduler, the support desk.

Entry points: ``hsp`` (``distribution.cli``) for staff, and ``hsp serve``, which runs the API, the
scheduler and the static repository in one process. Everything that decides is pure and takes
``now`` (``assessment``, ``desk.escalation``); everything that acts is the ``scheduler`` or a
command of a person, over the same functions. All state is in the database (``tables``) and in the
store; the published plan is a repeatable consequence of the database.

- the repository: ``publish``, ``catalogue``, ``artifacts``, ``bucket`` (boto3)
- who gets what when: ``rollouts``, ``plans``, ``fleet``, ``standing``, ``assessment``
- planned ahead: ``preview``, ``simulation`` (numpy), ``freezes``, ``calendar_import``,
  ``calendar_zones`` and ``calendar_export`` (icalendar in these three only)
- who may hold it: ``brakes``, ``holds`` and ``approvals`` (told in check-in answers); ``turns`` and
  ``turn_keeping``, where only so many may be in progress at once
- what happens by itself: ``scheduler`` (the steps), ``loop`` and ``lease`` (who does them),
  ``waves``, ``deadlines``, ``standstill``, ``notices``, ``openings``, ``aging``; ``events`` for who
  watches, and ``telemetry`` (logs, figures, traces) for who watches the servers
- what sites say: ``enrolment``, ``site_identity``, ``check_ins``, ``reports``, ``attempts``,
  ``watch``; ``site_keys`` (how a key is followed by the next); ``memory`` and what it is made of,
  from which most check-ins are answered
- where it is kept: ``database`` and ``engines`` (one way into SQLite and PostgreSQL), ``schema``
  and ``migrations`` (Alembic); ``backup``
- for whoever runs it: ``doctor``, ``capacity`` (``hsp plan``)
- who looks after it: ``desk``, ``explanation``; who hears of it: ``notify`` (boto3 for SMS)
- for clients: ``clients``, ``languages``, ``gate_sentences``, ``receipts``, ``client_reports``
  (fpdf2 there only)
- who may do what: ``people`` (accounts, roles, tokens, sessions, OIDC)
- its edges: ``api`` and ``console`` (FastAPI in these two only), ``cli``

May import ``manifests`` and ``signing``; nothing imports it.
"""
