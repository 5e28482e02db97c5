"""How a report spells moments, lengths, numbers and hashes: for people, or for programs."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from distribution.client_reports.model import Span, Tally
from distribution.languages import Language, moments


class Spelling:
    """As people write them who speak the language, on the wall clock of a zone."""

    def __init__(self, zone: str, language: Language) -> None:
        self._zone, self._language = zone, language

    def at(self, when: datetime | None) -> str:
        """A moment; empty for none."""
        return moments.moment(when, self._zone, self._language) if when else ""

    def span(self, span: Span | None) -> str:
        """From when to when; empty for none."""
        if span is None:
            return ""
        return moments.span(span.starts_at, span.ends_at, self._zone, self._language)

    def length(self, seconds: float | None) -> str:
        """A length of time; empty for none."""
        return "" if seconds is None else moments.length(timedelta(seconds=seconds), self._language)

    def success(self, tally: Tally) -> str:
        """The share that ended well; empty where nothing ended."""
        return "" if tally.success is None else moments.share(tally.success, self._language)

    def number(self, count: int) -> str:
        """How many."""
        return moments.number(count, self._language)

    def digest(self, sha256: str) -> str:
        """Enough of a hash to know it again."""
        return sha256[:12]


class ExactSpelling(Spelling):
    """ISO 8601, seconds, shares from 0 to 1, numbers without signs between, whole hashes."""

    def at(self, when: datetime | None) -> str:
        """With the zone's offset."""
        return when.astimezone(ZoneInfo(self._zone)).isoformat() if when else ""

    def span(self, span: Span | None) -> str:
        """As an interval."""
        return "" if span is None else f"{self.at(span.starts_at)}/{self.at(span.ends_at)}"

    def length(self, seconds: float | None) -> str:
        """In seconds."""
        return "" if seconds is None else f"{seconds:.3f}"

    def success(self, tally: Tally) -> str:
        """From 0 to 1."""
        return "" if tally.success is None else f"{tally.success:.4f}"

    def number(self, count: int) -> str:
        """Its digits."""
        return str(count)

    def digest(self, sha256: str) -> str:
        """All of it."""
        return sha256
