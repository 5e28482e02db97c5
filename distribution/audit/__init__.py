"""THE AUDIT LOG: one record for each thing that somebody decided, chained by hashes.

``note`` puts a record into the transaction that it tells of; ``session`` refuses a transaction that
changes an audited table and notes nothing; ``coverage`` says which tables those are. ``chain``
verifies records without a database; ``checkpoints`` signs how far the log has come and puts that
into the bucket, and check-ins carry it to the sites, who witness it. ``examine`` holds the log
against all of that, for ``hsp audit verify``.
"""

from distribution.audit.records import AUTOMATIC as AUTOMATIC
from distribution.audit.records import Deed as Deed
from distribution.audit.records import note as note
