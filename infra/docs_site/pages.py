"""What is on the site and where: the pages that people wrote, by their place in the repository."""

import re
from dataclasses import dataclass
from pathlib import Path

Entry = tuple[str, str]
"""A title in the navigation, and the page's file in the repository."""

PEOPLE: tuple[Entry, ...] = (
    ("Site administrator", "docs/site-administrator.md"),
    ("Release engineer", "docs/release-engineer.md"),
    ("L3 on call", "docs/l3-on-call.md"),
    ("Support desk", "docs/support-desk.md"),
    ("Officer", "docs/officers.md"),
    ("Vendor", "docs/vendors.md"),
    ("The console", "docs/console.md"),
    ("Clients' reports", "docs/client-reports.md"),
    ("Notifications", "docs/notifications.md"),
)
OPERATING: tuple[Entry, ...] = (
    ("Operator's guide", "docs/operator.md"),
    ("Planning a rollout", "docs/planning.md"),
    ("How far it goes", "docs/scale.md"),
    ("Accounts and roles", "docs/people.md"),
    ("Keys", "docs/keys.md"),
    ("Monitoring", "docs/monitoring.md"),
    ("Upgrading", "docs/upgrading.md"),
    ("Releasing this product", "docs/releasing.md"),
    ("Infrastructure", "infra/README.md"),
)
SECURITY: tuple[Entry, ...] = (
    ("Threats", "docs/threats.md"),
    ("The night of a theft", "docs/theft.md"),
    ("The audit log", "docs/audit.md"),
)
REFERENCE: tuple[Entry, ...] = (
    ("Architecture", "ARCHITECTURE.md"),
    ("Benchmarks", "docs/benchmarks.md"),
    ("Changelog", "CHANGELOG.md"),
)
START: Entry = ("Start", "docs/README.md")
RUNBOOKS: Entry = ("Runbooks", "docs/runbooks/README.md")

UNWRITTEN = {
    "docs/benchmarks.md": (
        "# Benchmarks\n\nNothing is measured yet: `make bench` does it, and writes this page.\n"
    ),
}
"""Pages that a command writes, until it has."""


@dataclass(frozen=True)
class Section:
    """A part of the navigation; its entries are pages by their file in the repository."""

    title: str
    entries: tuple[Entry, ...]
    folded: tuple[Entry, ...] = ()
    """So many that they are shown only where one asks for them; the first leads to all."""

    @property
    def all_entries(self) -> tuple[Entry, ...]:
        """Those that are folded too."""
        return (*self.entries, *self.folded)


def sections(root: Path) -> tuple[Section, ...]:
    """The whole navigation of what people wrote; a page that nobody has placed is in ``More``."""
    placed = (
        Section("For people", PEOPLE, (RUNBOOKS, *_runbooks(root))),
        Section("Operating", OPERATING),
        Section("Security", SECURITY),
        Section("Reference", REFERENCE),
    )
    known = {START[1], *(file for section in placed for _, file in section.all_entries)}
    others = sorted(str(path.relative_to(root)) for path in (root / "docs").glob("*.md"))
    more = tuple((_heading(root / file), file) for file in others if file not in known)
    there = tuple(
        Section(s.title, tuple(e for e in s.entries if _is_there(root, e[1])), s.folded)
        for s in placed
    )
    return (*there, Section("More", more)) if more else there


def _is_there(root: Path, file: str) -> bool:
    return (root / file).exists() or file in UNWRITTEN


def _runbooks(root: Path) -> tuple[Entry, ...]:
    files = sorted((root / "docs/runbooks").glob("*.md"))
    return tuple(
        (file.stem, f"docs/runbooks/{file.name}") for file in files if file.name != "README.md"
    )


def _heading(page: Path) -> str:
    found = re.search(r"^# (.+)$", page.read_text(), re.MULTILINE)
    return found[1] if found else page.stem


def place(file: str) -> str:
    """Where a page of the repository lies on the site."""
    if file == "infra/README.md":
        return "infrastructure.md"
    inside = file.removeprefix("docs/")
    if inside == file:
        return file.lower()
    folder, _, name = inside.rpartition("/")
    return (
        f"{folder}/{name}".removeprefix("/")
        if name != "README.md"
        else f"{folder}/index.md".removeprefix("/")
    )
