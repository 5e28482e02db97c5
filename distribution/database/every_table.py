"""Imports every module that has tables, so that the metadata knows all of them.

Who makes, migrates, copies or audits the tables as a whole imports this; a part that only uses its
own ones does not.
"""
# ruff: noqa: F401 - importing them is what this is for

from distribution.audit import tables as audit_tables
from distribution.backup import tables as backup_tables
from distribution.calendars import calendar_tables
from distribution.control import control_tables
from distribution.database import tables
from distribution.desk import remote_tables
from distribution.desk import tables as desk_tables
from distribution.emergency import review_tables
from distribution.notify import tables as notify_tables
from distribution.people import tables as people_tables
from distribution.sites import component_tables
