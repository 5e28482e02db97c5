"""WHEN CLIENTS WANT NO UPDATES, and what became of the windows in which they may come.

``freezes`` are announced and lifted by people, ``freeze_records`` are what plans and answers say of
them, ``openings`` what was done in which window. ``calendar_export``, ``calendar_import`` and
``calendar_zones`` speak iCalendar (icalendar in these three only); ``calendar_access`` is a client's
address of its own calendar.
"""
