"""Puts a month into words, in a language and on a zone's clock."""

from collections.abc import Callable, Iterable, Sequence

from distribution.calendars.openings import WindowOutcome
from distribution.client_reports.model import (
    ClientMonth,
    InstallRecord,
    OpenHold,
    Outcome,
    Tally,
)
from distribution.client_reports.sheet import Bar, Figure, Part, Section, Sheet
from distribution.client_reports.spelling import ExactSpelling, Spelling
from distribution.languages import Language, message, moments, translate
from manifests.release import Severity

_OUTCOMES = {
    Outcome.INSTALLED: message("installed"),
    Outcome.FAILED: message("failed"),
    Outcome.UNDER_WAY: message("under way"),
}
_SEVERITIES = {
    Severity.CRITICAL: message("critical"),
    Severity.IMPORTANT: message("important"),
    Severity.MODERATE: message("moderate"),
    Severity.LOW: message("low"),
}
_WINDOWS = {
    WindowOutcome.USED: message("used"),
    WindowOutcome.UNUSED: message("not needed"),
    WindowOutcome.MISSED: message("missed"),
    WindowOutcome.OVERRUN: message("overrun"),
}
_SCOPES = {
    "site": message("site {name}"),
    "client": message("all your sites"),
    "global": message("everything"),
}


def sheet_of(month: ClientMonth, language: Language, *, exact: bool = False) -> Sheet:
    """The month in words.

    Args:
        exact: for programs, see ``ExactSpelling``.
    """
    spelling = (ExactSpelling if exact else Spelling)(month.zone, language)
    return _Writer(month, language, spelling).sheet()


class _Writer:
    """Knows the language and how to spell values, so that nobody has to hand them on."""

    def __init__(self, month: ClientMonth, language: Language, spelling: Spelling) -> None:
        self._month, self._language, self._spell = month, language, spelling

    def _say(self, text: str, **of: object) -> str:
        return translate(text, self._language).format(**of)

    def _severity(self, severity: Severity | None) -> str:
        return translate(_SEVERITIES[severity], self._language) if severity else ""

    # --- the whole

    def sheet(self) -> Sheet:
        month = self._month
        when = moments.month(month.starts_at, month.zone, self._language)
        span = translate("{client}, {month}", self._language)
        made = moments.moment_with_zone(month.made_at, month.zone, self._language)
        words = message("As of {moment}. All times are those of {zone}.")
        early = message("As of {moment}: the month is not over. All times are those of {zone}.")
        return Sheet(
            language=self._language,
            title=translate("Monthly report on updates", self._language),
            subtitle=span.format(client=month.client_id, month=when),
            made=self._say(words if month.is_over else early, moment=made, zone=month.zone),
            figures=tuple(self._figures()),
            bars=tuple(self._bars()),
            sections=tuple(make() for make in self._sections()),
            colophon=translate(
                "Each install is proved by a report that your site has signed. Ask us for the "
                "receipts file: whoever has your site's public key can verify it without us.",
                self._language,
            ),
        )

    def _sections(self) -> Sequence[Callable[[], Section]]:
        """What is read first, first; the long lists are at the end."""
        return (
            self._times, self._versions, self._holds, self._incidents, self._installs, self._sites,
        )  # fmt: skip

    def _figures(self) -> Iterable[Figure]:
        tally, month = self._month.tally, self._month
        yield Figure(self._spell.number(month.sites), self._say(message("sites")))
        yield Figure(self._spell.number(tally.installed), self._say(message("updates installed")))
        yield Figure(self._spell.number(tally.failed), self._say(message("updates taken back")))
        yield Figure(self._spell.success(tally) or "-", self._say(message("went well")))

    def _bars(self) -> Iterable[Bar]:
        tally, month = self._month.tally, self._month
        parts = (
            (tally.installed, _OUTCOMES[Outcome.INSTALLED], "good"),
            (tally.failed, _OUTCOMES[Outcome.FAILED], "bad"),
            (tally.under_way, _OUTCOMES[Outcome.UNDER_WAY], "quiet"),
        )
        yield from self._bar(self._say(message("Updates")), parts)
        tones = dict(zip(WindowOutcome, ("good", "quiet", "warn", "bad"), strict=True))
        windows = [(month.windows[each], _WINDOWS[each], tones[each]) for each in WindowOutcome]
        yield from self._bar(self._say(message("Maintenance windows")), windows)

    def _bar(self, label: str, parts: Iterable[tuple[int, str, str]]) -> Iterable[Bar]:
        """A bar, if there is anything to show in it."""
        shown = [part for part in parts if part[0]]
        whole = sum(count for count, _, _ in shown)
        if whole:
            said = (
                (count / whole, f"{self._spell.number(count)} {self._say(word)}", tone)
                for count, word, tone in shown
            )
            yield Bar(label, tuple(said))

    # --- the tables

    def _table(
        self,
        part: Part,
        title: str,
        columns: Sequence[tuple[str, int]],
        rows: Iterable[tuple[str, ...]],
        empty: str,
        note: str = "",
        numeric: Iterable[int] = (),
    ) -> Section:
        heads = tuple(self._say(head) for head, _ in columns)
        widths = tuple(width for _, width in columns)
        said = (self._say(title), heads, widths, tuple(rows), self._say(empty))
        return Section(part, *said, self._say(note) if note else "", frozenset(numeric))

    def _installs(self) -> Section:
        columns = (
            (message("site"), 14), (message("product"), 10), (message("version"), 9),
            (message("from"), 9), (message("severity"), 9), (message("began"), 15),
            (message("ended"), 15), (message("in window"), 20), (message("outcome"), 20),
            (message("report no."), 8), (message("SHA-256 of the report"), 14),
        )  # fmt: skip
        rows = (self._install(record) for record in self._month.installs)
        return self._table(
            Part.INSTALLS, message("What was installed when"), columns, rows,
            message("Nothing was installed this month."),
            message("Times are when we heard of it. The report that your site signed has its own."),
        )  # fmt: skip

    def _install(self, record: InstallRecord) -> tuple[str, ...]:
        outcome = self._say(_OUTCOMES[record.outcome])
        return (
            record.site_id, record.product, record.version, record.from_version or "",
            self._severity(record.severity), self._spell.at(record.started_at),
            self._spell.at(record.ended_at), self._spell.span(record.window),
            record.sentence or outcome,
            str(record.proof.sequence) if record.proof else "",
            self._spell.digest(record.proof.sha256) if record.proof else "",
        )  # fmt: skip

    def _versions(self) -> Section:
        columns = (
            (message("product"), 14), (message("version"), 12), (message("severity"), 12),
            (message("mends"), 24), (message("released"), 18), (message("installed"), 10),
            (message("failed"), 10), (message("under way"), 10), (message("went well"), 10),
        )  # fmt: skip
        rows = (
            (
                each.product, each.version, self._severity(each.severity),
                ", ".join(each.fixed_cves), self._spell.at(each.released_at),
                *self._counts(each.tally),
            )
            for each in self._month.versions
        )  # fmt: skip
        return self._table(
            Part.VERSIONS, message("By version"), columns, rows,
            message("No version was installed this month."), numeric=range(5, 9),
        )  # fmt: skip

    def _counts(self, tally: Tally) -> tuple[str, ...]:
        counts = (tally.installed, tally.failed, tally.under_way)
        numbers = (self._spell.number(count) for count in counts)
        return (*numbers, self._spell.success(tally))

    def _sites(self) -> Section:
        columns = (
            (message("site"), 30), (message("installed"), 10), (message("failed"), 10),
            (message("under way"), 10), (message("went well"), 10),
        )  # fmt: skip
        rows = ((each.site_id, *self._counts(each.tally)) for each in self._month.by_site)
        return self._table(
            Part.SITES, message("By site"), columns, rows,
            message("No site was updated this month."), numeric=range(1, 5),
        )  # fmt: skip

    def _times(self) -> Section:
        columns = (
            (message("severity"), 14), (message("installs"), 10), (message("median"), 12),
            (message("95 of 100 within"), 14), (message("sites still without"), 14),
        )  # fmt: skip
        rows = (
            (
                self._severity(each.severity), self._spell.number(each.sites),
                self._spell.length(each.median_seconds), self._spell.length(each.p95_seconds),
                self._spell.number(each.without),
            )
            for each in self._month.patch_times
        )  # fmt: skip
        return self._table(
            Part.TIME_TO_PATCH, message("Time to patch"), columns, rows,
            message("Nothing was installed this month."),
            message(
                "From the start of a release's rollout to your site's confirmation. What came as "
                "an emergency counts as critical."
            ),
            range(1, 5),
        )  # fmt: skip

    def _holds(self) -> Section:
        columns = (
            (message("what is held"), 16), (message("why"), 44), (message("since"), 14),
            (message("until"), 14), (message("sites"), 8), (message("who can lift it"), 18),
        )  # fmt: skip
        rows = (
            (
                self._held(each), each.sentence, self._spell.at(each.since),
                self._spell.at(each.until),
                self._spell.number(len(each.sites)) if each.sites else "", each.by,
            )
            for each in self._month.holds
        )  # fmt: skip
        return self._table(
            Part.HOLDS, message("What is on hold"), columns, rows, message("Nothing is on hold."),
            message("As of the moment at which this report was made."), {4},
        )  # fmt: skip

    def _held(self, hold: OpenHold) -> str:
        if hold.scope not in _SCOPES:
            return hold.target
        return self._say(_SCOPES[hold.scope], name=hold.target)

    def _incidents(self) -> Section:
        columns = (
            (message("no."), 6), (message("site"), 16), (message("release"), 14),
            (message("what happened"), 44), (message("opened"), 15), (message("closed"), 15),
            (message("times"), 6),
        )  # fmt: skip
        rows = (
            (
                str(each.number), each.site_id, f"{each.product} {each.version}".strip(),
                each.sentence, self._spell.at(each.opened_at), self._spell.at(each.closed_at),
                self._spell.number(each.occurrences),
            )
            for each in self._month.incidents
        )  # fmt: skip
        return self._table(
            Part.INCIDENTS, message("Incidents"), columns, rows,
            message("There was no incident at your sites."), numeric={0, 6},
        )  # fmt: skip
