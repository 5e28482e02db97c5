"""WHAT SITES SAY, and who speaks for them.

- joining: ``enrolment``; whose key it is: ``site_identity``, ``site_keys``, ``site_sessions``;
  ``sealed`` reads what it signed
- ``check_ins`` (``told`` is what the answers are made of), ``reports``, and what the reports mean:
  ``attempts``
- without a line: ``media`` out, ``media_import`` back
- what nobody reports: ``watch``, ``alarms``
- looked through by staff: ``site_records``, ``site_search``, ``components`` (whose SBOMs
  ``component_index`` has read), ``clients``
"""
