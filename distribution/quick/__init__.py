"""THE QUICK WAY: what a server process remembers, so that most messages cost little.

A check-in that says nothing new is answered from ``memory`` (``snapshots`` of what all answers
depend on, ``site_memory`` of each site), as long as ``change_watch`` sees the ``change_stamps``
unchanged; ``signs_of_life`` are written down together. Signed check-ins wait for each other in
``check_in_batches``, as far as they tell ``plain_news``, and reports (``spelled_reports``) in
``report_batches``: both by ``gathering``, with their ``signatures`` verified before, and each is
answered after the commit. ``sites`` is the definition; this may only be quicker. ``api.quick``
answers by it.
"""
