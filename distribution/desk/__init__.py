"""THE SUPPORT DESK: what becomes of a failure, and who works on it.

- tickets begin and end: ``opening``, ``incidents``, ``endings``, ``stopped_rollouts``,
  ``own_problems``; ``signatures`` and ``escalation`` (both pure) say which are one and whose;
  ``casebook`` asks the database once for many failures
- the clock of each tier: ``clocks``; what people do: ``ticket_work``, ``symptoms``
- L3: ``problem_work``, ``handing_over`` (its document is ``hand_over``), ``known_issues`` and
  ``known_issue_work``
- what each code means here, in the customer's language: ``failure_table``, ``overrides``
- one site: ``remote_steps``, ``diagnostics``
- what the tiers see: ``tickets`` (``ticket_views``), ``queue``

Everything that people should hear of is a line in ``news``, written in the same transaction.
Imports the tables and the language; never ``api``, ``notify`` or ``console``.
"""
