"""``hsp backup`` and ``hsp restore``: a server's memory in a folder that any engine can take up.

What is acknowledged is more than a folder of last night can hold. So a restored server asks each
site which reports it has written since, and the site sends those again from what it keeps
(``asking``). Keys are never in a backup.
"""
