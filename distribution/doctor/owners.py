"""Whose the files of the home are. One command run as root is enough, and the server cannot write.

The home belongs to one user; or it is shared, as ``infra/systemd`` lays it out: then two users work
in it, all of it has their group, and the set-group-ID bit of the home says so.
"""

import grp
import os
import pwd
import stat
from collections.abc import Iterator
from pathlib import Path

from distribution.doctor.findings import Context, Finding, broken

MOST_NAMED = 3


def is_shared(home: Path) -> bool:
    """Whether two users work in it on purpose."""
    return bool(home.stat().st_mode & stat.S_ISGID)


def owners(context: Context) -> Iterator[Finding]:
    """What is in the home is the server's, which is whoever the home belongs to."""
    home = context.settings.home
    whose, shared = home.stat(), is_shared(home)
    user = _user(whose.st_uid)
    if os.geteuid() not in (whose.st_uid, 0) and not shared:
        says = f"{home} belongs to {user}, and this is {_user(os.geteuid())}"
        mend = f"run 'hsp' as the server's user (sudo -u {user} hsp ...), or chown -R the home"
        yield broken("machine.owners", says, mend)
        return
    strange = [path for path in _everything(home) if _is_strange(path, home, whose, shared=shared)]
    if strange:
        named = ", ".join(str(path.relative_to(home)) for path in strange[:MOST_NAMED])
        more = f" and {len(strange) - MOST_NAMED} more" if len(strange) > MOST_NAMED else ""
        wanted = f"the group {_group(whose.st_gid)}" if shared else user
        says = f"in {home}, not of {wanted} as the rest: {named}{more}"
        change = f"chgrp -R {_group(whose.st_gid)}" if shared else f"chown -R {user}"
        mend = f"{change} {home}; run every 'hsp' as the server's user: sudo -u {user} hsp ..."
        yield broken("machine.owners", says, mend)


def _everything(home: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(home):
        yield from (Path(folder, name) for name in (*folders, *files))


def _is_strange(path: Path, home: Path, whose: os.stat_result, *, shared: bool) -> bool:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return False  # a server is at work
    if shared and not path.is_relative_to(home / "keys"):  # keys are the signer's alone
        return found.st_gid != whose.st_gid
    return found.st_uid != whose.st_uid


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _group(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


CHECKS = (("machine.owners", owners),)
