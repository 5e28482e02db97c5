"""What somebody wants of a channel, checked for itself: pure."""

import re
from datetime import time
from typing import Annotated, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, Field, StringConstraints, model_validator

from distribution.desk.news import News
from distribution.languages import Language
from distribution.notify.reach import MAX_URL
from distribution.notify.states import ALWAYS_AWAKE, OF_CLIENTS, OF_STAFF, SHAPE, Kind
from manifests.failures import Tier

_EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250})")
_TELEPHONE = re.compile(r"\+[1-9][0-9]{7,14}")


def _checked_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{name[:60]!r} is no IANA time zone such as Asia/Jakarta") from error
    return name


def _checked_clock(text: str) -> str:
    try:
        return time.fromisoformat(text).strftime("%H:%M") if text else ""
    except ValueError as error:
        raise ValueError(f"{text[:20]!r} is no time of day such as 22:00") from error


Zone = Annotated[str, Field(max_length=60), AfterValidator(_checked_zone)]
Clock = Annotated[str, Field(max_length=8), AfterValidator(_checked_clock)]
Address = Annotated[str, StringConstraints(min_length=3, max_length=MAX_URL)]


class Wish(BaseModel):
    """A channel to be. Exactly one of ``tier`` and ``client`` says whose it is."""

    tier: Tier | None = None
    client: Annotated[str, Field(max_length=100)] = ""
    label: Annotated[str, StringConstraints(max_length=60, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""
    """What people call it."""
    kind: Kind
    address: Address
    """An address of mail, a URL, or a telephone number such as +6281234567890."""
    shape: Annotated[str, Field(max_length=40)] = ""
    """Of a tracker: ``github``, ``jira:PROJECT`` or ``plain``."""
    language: Language | None = None
    """Left out: the client's own, or the server's."""
    zone: Zone = "UTC"
    """Whose wall clock the quiet hours and the messages' moments are by."""
    quiet_from: Clock = ""
    quiet_to: Clock = ""
    news: list[News] | None = None
    """Left out: all that there are for such a channel."""
    least: Tier | None = None
    """Only problems of this tier and above."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (self.tier is None) == (self.client == ""):
            raise ValueError("say whose channel it is: a tier's or a client's, and not both")
        if bool(self.quiet_from) != bool(self.quiet_to) or (
            self.quiet_from and self.quiet_from == self.quiet_to
        ):
            raise ValueError("quiet hours have a begin and another end")
        if self.quiet_from and self.tier in ALWAYS_AWAKE:
            raise ValueError(f"{self.tier} has no quiet hours")
        self._check_tracker()
        self._check_news()
        self._check_address()
        return self

    def _check_tracker(self) -> None:
        if self.kind is not Kind.TRACKER:
            if self.shape:
                raise ValueError("only a tracker has a shape")
            return
        if self.client:
            raise ValueError("a tracker is the developers', and no client's")
        if not SHAPE.fullmatch(self.shape):
            raise ValueError("shapes of trackers are github, jira:PROJECT and plain")

    def _check_news(self) -> None:
        unknown = set(self.news or ()) - set(self.all_news)
        if unknown or self.news == []:
            raise ValueError(f"news of such a channel are: {', '.join(self.all_news)}")

    def _check_address(self) -> None:
        if self.kind is Kind.EMAIL and not _EMAIL.fullmatch(self.address):
            raise ValueError("the address is none of e-mail")
        if self.kind is Kind.SMS and not _TELEPHONE.fullmatch(self.address):
            raise ValueError("the telephone number is not one such as +6281234567890")

    @property
    def all_news(self) -> tuple[News, ...]:
        """What there is to hear for such a channel."""
        if self.kind is Kind.TRACKER:
            return (News.HANDED_OVER,)
        return OF_CLIENTS if self.client else OF_STAFF
