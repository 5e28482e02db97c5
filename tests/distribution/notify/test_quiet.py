"""Quiet hours: held until their end, and told as it is by then."""

from typing import Any

import pytest
from pydantic import ValidationError

from distribution.desk.news import News
from distribution.notify.states import Kind
from distribution.notify.wishes import Wish
from manifests.failures import Tier
from tests.distribution.notify.conftest import Desk
from tests.simulators.mail_server import MailServer

NIGHT: dict[str, Any] = {"zone": "Asia/Jakarta", "quiet_from": "08:00", "quiet_to": "10:00"}
"""The house's clock says 09:00 in Jakarta."""
ONE_HOUR = 3600


def test_what_happens_in_quiet_hours_is_told_at_their_end_but_at_once_to_l3(
    desk: Desk, mail: MailServer
) -> None:
    desk.channel(Kind.EMAIL, "rina@warung.example", client="warung", **NIGHT)
    desk.channel(Kind.EMAIL, "l3@hsp.example", tier=Tier.L3)
    desk.tell(News.OPENED, desk.problem(Tier.L3), "shop")
    desk.send()
    assert [each["To"] for each in mail.letters] == ["l3@hsp.example"]
    desk.send(ONE_HOUR - 1)
    assert len(mail.letters) == 1
    desk.send(1)
    assert [each["To"] for each in mail.letters[1:]] == ["rina@warung.example"]


def test_what_is_over_by_then_is_told_as_over(desk: Desk, mail: MailServer) -> None:
    desk.channel(Kind.EMAIL, "rina@warung.example", client="warung", **NIGHT)
    desk.channel(Kind.EMAIL, "l1@hsp.example", tier=Tier.L1, **NIGHT)
    problem = desk.problem(Tier.L1)
    desk.tell(News.OPENED, problem, "shop")
    desk.send(60)
    desk.tell(News.CLOSED, problem, "shop")
    desk.tell(News.CLOSED, problem)
    desk.send(ONE_HOUR)
    subjects = {each["To"]: each["Subject"].strip() for each in mail.letters}
    assert subjects == {
        "rina@warung.example": "shop: this is over",
        "l1@hsp.example": "[L1] over: unhealthy, app 2.0 (1 site at 1 client)",
    }


def test_who_does_not_want_to_hear_of_ends_hears_nothing_of_what_is_over(
    desk: Desk, mail: MailServer
) -> None:
    only = [News.OPENED]
    desk.channel(Kind.EMAIL, "rina@warung.example", client="warung", news=only, **NIGHT)
    desk.channel(Kind.EMAIL, "l1@hsp.example", tier=Tier.L1, news=only, **NIGHT)
    problem = desk.problem(Tier.L1)
    desk.tell(News.OPENED, problem, "shop")
    desk.send(60)
    desk.tell(News.CLOSED, problem, "shop")
    desk.tell(News.CLOSED, problem)
    desk.send(ONE_HOUR)
    assert mail.letters == []
    assert {delivery.state for delivery in desk.deliveries()} == {"left_out"}


@pytest.mark.parametrize("tier", [Tier.L3, Tier.SECURITY])
def test_l3_and_security_have_no_quiet_hours(tier: Tier) -> None:
    with pytest.raises(ValidationError, match="has no quiet hours"):
        Wish(tier=tier, kind=Kind.EMAIL, address="a@hsp.example", **NIGHT)


def test_a_failed_message_waits_for_the_morning_too(desk: Desk, mail: MailServer) -> None:
    late = {**NIGHT, "quiet_from": "09:01"}
    desk.channel(Kind.EMAIL, "rina@warung.example", client="warung", **late)
    mail.refusals = ["450 busy"]
    desk.tell(News.OPENED, desk.problem(), "shop")
    desk.send()
    desk.send(60)
    assert mail.letters == []
    desk.send(ONE_HOUR)
    assert len(mail.letters) == 1
