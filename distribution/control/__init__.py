"""WHO GETS WHAT, WHEN: rollouts, and everything that can hold them.

- ``rollouts`` are started, paused, stopped by people; ``waves`` are opened one after the other
- pure: ``standing`` counts the sites, ``assessment`` judges them, ``turns`` says who comes next
- read from the database: ``fleet`` (the sites as rollouts see them), ``progress``, ``explanation``
- what holds: ``brakes``, ``holds``, ``approvals``, ``withdrawals``; what is late: ``deadlines``,
  ``standstill``; how soon sites hear of it: ``notices``
- ``plans`` writes it all down, to be signed and published; ``turn_keeping`` gives the turns
"""
