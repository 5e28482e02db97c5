"""WHAT A RUNNING SERVER TELLS OF ITSELF: logs, figures, traces.

``logs`` writes lines, as text or as JSON, each with the request, the site and the attempt that it
is about. ``metrics`` answers a scrape: what the database says, which is the same at each server,
and what ``counters`` has counted in this process. ``traces`` sends spans to a collector, if one is
named. None of them decides anything, and the server does the same without them.
"""
