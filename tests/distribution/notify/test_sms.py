"""Short messages by SNS: what they say, as moto takes them, and over HTTP to ministack."""

import pytest
from moto import mock_aws
from moto.core import DEFAULT_ACCOUNT_ID
from moto.sns.models import sns_backends

from distribution.desk.news import News
from distribution.notify.states import Kind
from manifests.failures import Tier
from tests.distribution.notify.conftest import Desk
from tests.simulators.ministack import Ministack

NUMBER = "+6281234567890"
REGION = "ap-southeast-3"


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somewhere to be."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)


def test_a_short_message_says_what_fits(desk: Desk) -> None:
    desk.channel(Kind.SMS, NUMBER, client="warung", language="id")
    with mock_aws():
        desk.tell(News.OPENED, desk.problem(), "shop")
        desk.send()
        sent = sns_backends[DEFAULT_ACCOUNT_ID][REGION].sms_messages
        [(number, text, *_)] = sent.values()
    assert number == NUMBER
    assert text.startswith("shop: Versi baru")
    assert len(text) <= 300


def test_it_goes_out_over_http_by_whoever_may_and_a_refusal_is_the_channels_error(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.channel(Kind.SMS, NUMBER, tier=Tier.L2)
    desk.tell(News.OPENED, desk.problem(), "shop")
    with Ministack() as aws:
        for name, value in {**aws.environment(), **aws.make_user("nobody")}.items():
            monkeypatch.setenv(name, value)
        desk.send()
        [delivery] = desk.deliveries()
        assert delivery.state == "waiting"
        assert "SNS" in delivery.error
        assert "not authorized" in delivery.error
        for name, value in aws.environment().items():
            monkeypatch.setenv(name, value)
        desk.send(11)
    assert [each.state for each in desk.deliveries()] == ["sent"]
