"""The sites, from here: which agents they run, who is silent, who must still be asked."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta
from importlib.metadata import version

from packaging.version import InvalidVersion, Version
from sqlmodel import col, func, select

from distribution.backup import asking
from distribution.backup.tables import RestoreRow
from distribution.control import fleet
from distribution.database.tables import Site
from distribution.doctor.findings import Context, Finding, warning
from manifests.check_in import CheckIn
from manifests.errors import ManifestError

MOST_NAMED = 5
AFTER_A_RESTORE = timedelta(days=1)
_AT_ONCE = 2000


def agents(context: Context) -> Iterator[Finding]:
    """This server is tried with agents of its own release and of the one before."""
    counted = _versions(context)
    ours = Version(version("hsp-distribution"))
    old = {each: count for each, count in counted.items() if _is_too_old(each, ours)}
    if old:
        named = ", ".join(f"{each} at {count} sites" for each, count in sorted(old.items()))
        says = f"agents older than the release before this server's ({ours}): {named}"
        mend = "roll out the agent: it is a product of its own (docs/release-engineer.md)"
        yield warning("sites.agents", says, mend)


def _versions(context: Context) -> Counter[str]:
    counted: Counter[str] = Counter()
    with context.database.reading() as session:
        wanted = select(Site.check_in).where(
            col(Site.revoked_at).is_(None), col(Site.check_in).is_not(None)
        )
        for text in session.exec(wanted.execution_options(yield_per=_AT_ONCE)):
            try:
                counted[CheckIn.from_bytes((text or "").encode()).agent_version] += 1
            except ManifestError:
                counted["unreadable"] += 1
    return counted


def _is_too_old(found: str, ours: Version) -> bool:
    """Of releases before 1.0 the second number counts, and from then on the first."""
    try:
        theirs = Version(found)
    except InvalidVersion:
        return True
    if theirs.major != ours.major:
        return theirs.major < ours.major - 1
    return ours.major == 0 and theirs.minor < ours.minor - 1


def silent(context: Context) -> Iterator[Finding]:
    """Sites that should have been heard of."""
    since = context.now - timedelta(seconds=context.settings.silent_after_seconds)
    with context.database.reading() as session:
        found = [site.id for site in fleet.silent_sites(session, since, context.now)]
    if found:
        says = f"{len(found)} sites are silent: {_some(found)}"
        yield warning("sites.silent", says, "ask their administrators; docs/runbooks/silent.md")


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more


def to_be_asked(context: Context) -> Iterator[Finding]:
    """After a restore every site sends again what it has reported since the backup."""
    with context.database.reading() as session:
        left = asking.left(session)
        restored = session.exec(select(func.max(RestoreRow.at))).one()
    if left and restored is not None and context.now - restored > AFTER_A_RESTORE:
        says = (
            f"{len(left)} sites have not sent again what they reported before the last restore: "
            f"{_some(left)}"
        )
        mend = (
            "those that joined or changed their key since the backup need a new invitation; "
            "'hsp site revoke' those that do not come back"
        )
        yield warning("sites.to_be_asked", says, mend)


CHECKS = (
    ("sites.agents", agents),
    ("sites.silent", silent),
    ("sites.to_be_asked", to_be_asked),
)
