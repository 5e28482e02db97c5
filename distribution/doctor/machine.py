"""The machine that this runs on: room on its disks, and how many connections it may hold."""

import resource
import shutil
from collections.abc import Iterator

from distribution.doctor.findings import Context, Finding, broken, warning

LITTLE_PERCENT, TOO_LITTLE_PERCENT = 10, 2
ENOUGH_BYTES = 20 * 1024**3
"""So much is enough, however large the disk is."""
FILES = 4096
"""Each connection of a site or a browser is a file, and so is each of a publish."""


def disk(context: Context) -> Iterator[Finding]:
    """Room where the home is, with the database and the repository unless they are elsewhere."""
    home = context.settings.home
    found = shutil.disk_usage(home)
    percent = 100 * found.free / found.total
    says = f"{percent:.0f} % of the disk of {home} are free ({found.free / 1e9:.1f} GB)"
    mend = "make room: with a full disk nothing is acknowledged and nothing is published"
    if percent < TOO_LITTLE_PERCENT:
        yield broken("machine.disk", says, mend)
    elif percent < LITTLE_PERCENT and found.free < ENOUGH_BYTES:
        yield warning("machine.disk", says, mend)


def open_files(context: Context) -> Iterator[Finding]:
    """The limit that a server started from here would have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < FILES:
        says = f"a process of this user may have {soft} files open ({hard} at most)"
        mend = f"raise it to {FILES} or more: LimitNOFILE= in the unit, or ulimit -n"
        yield warning("machine.open_files", says, mend)


CHECKS = (("machine.disk", disk), ("machine.open_files", open_files))
