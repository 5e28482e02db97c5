"""What is handed over to the developers, in the shapes of their trackers."""

import json
from pathlib import Path

import pytest

from distribution.desk.hand_over import HandedAttachment, HandedIncident, HandOver
from distribution.desk.news import News
from distribution.desk.tables import HandOverRow
from distribution.errors import Invalid
from distribution.notify import tracker, trackers
from distribution.notify.states import Kind
from manifests.failures import Tier
from tests.distribution.notify.conftest import Desk
from tests.simulators.receiver import Receiver


def handed(desk: Desk, to: str = "kasir-devs") -> HandOver:
    """A document, as L3 makes it."""
    now = desk.now
    return HandOver(
        number=1,
        tracker=to,
        by="wati",
        at=now,
        title="app 2.0: unhealthy at 2 sites",
        product="app",
        version="2.0",
        release="releases/app/2.0/manifest.json",
        code="unhealthy",
        tier="L3",
        signature="unhealthy: <n>",
        detail="``` @everybody {noformat} answered 500",
        log_tail="Traceback",
        cause="",
        opened_at=now,
        reopened=0,
        sites=2,
        sites_open=1,
        clients=2,
        running={"1.0": 7, "2.0": 2},
        next_in_line=5,
        attachments=(HandedAttachment("sbom.cdx.json", "ab" * 32, 10),),
        incidents=(
            HandedIncident("site 1", "client 1", "open", 3, now, now, "1.0", "answered 500"),
        ),
        hotfix="",
        known_issue="",
    )


def hand_over(desk: Desk, to: str) -> None:
    """L3 hands a problem over."""
    problem = desk.problem(Tier.L3)
    with desk.house.database.writing() as session:
        row = {"problem_id": problem, "tracker": to, "by": "wati", "at": desk.now}
        session.add(HandOverRow(**row, document=handed(desk, to).to_json()))
    desk.tell(News.HANDED_OVER, problem)


@pytest.fixture
def token(tmp_path: Path) -> str:
    """Where the tracker's token is."""
    file = tmp_path / "tracker.token"
    file.write_text("t0ken\n")
    return f"file:{file}"


def test_a_name_that_no_tracker_has_is_refused_before_anything_is_handed_over(
    desk: Desk, hook: Receiver, token: str
) -> None:
    with desk.house.database.reading() as session:
        assert not trackers.reached_by(session, "anybody")
    wish = {"tier": Tier.L3, "shape": "github"}
    desk.channel(Kind.TRACKER, hook.url, secret=token, label="kasir-devs", **wish)
    with desk.house.database.reading() as session:
        assert trackers.reached_by(session, "kasir-devs")
        with pytest.raises(Invalid, match="no tracker 'kasir-dves'") as refused:
            trackers.reached_by(session, "kasir-dves")
    assert refused.value.hint == "one of: kasir-devs"
    desk.channel(Kind.TRACKER, hook.url, secret=token, **wish)
    with desk.house.database.reading() as session:
        assert trackers.reached_by(session, "anybody")


def test_github_gets_an_issue_with_everything_attached(
    desk: Desk, hook: Receiver, token: str
) -> None:
    wish = {"tier": Tier.L3, "shape": "github", "label": "kasir-devs"}
    desk.channel(Kind.TRACKER, hook.url, secret=token, **wish)
    desk.channel(Kind.TRACKER, hook.url, secret=token, **{**wish, "label": "other-devs"})
    hand_over(desk, "kasir-devs")
    desk.send()
    [post] = hook.posts
    assert post.headers["Authorization"] == "Bearer t0ken"
    assert post.headers["Accept"] == "application/vnd.github+json"
    issue = json.loads(post.body)
    assert set(issue) == {"title", "body", "labels"}
    assert issue["title"] == "app 2.0: unhealthy at 2 sites"
    for part in ("Traceback", "site 1 (client 1)", "sbom.cdx.json sha256:abab", "1.0: 7"):
        assert part in issue["body"]
    assert "````\n``` @everybody" in issue["body"], "nothing in it is markup"
    assert post.headers["webhook-id"] in issue["body"]
    states = {each.channel_id: each.state for each in desk.deliveries()}
    assert states == {1: "sent", 2: "left_out"}


def test_jira_gets_a_bug_in_its_project(desk: Desk, hook: Receiver, tmp_path: Path) -> None:
    (tmp_path / "jira").write_text("bot@hsp.example:t0ken")
    secret = f"file:{tmp_path / 'jira'}"
    desk.channel(Kind.TRACKER, hook.url, tier=Tier.L3, shape="jira:KASIR", secret=secret)
    hand_over(desk, "anybody")
    desk.send()
    [post] = hook.posts
    assert post.headers["Authorization"] == "Basic Ym90QGhzcC5leGFtcGxlOnQwa2Vu"
    fields = json.loads(post.body)["fields"]
    assert fields["project"] == {"key": "KASIR"}
    assert fields["issuetype"] == {"name": "Bug"}
    assert "{noformat}\n``` @everybody { noformat } answered 500" in fields["description"]


def test_a_plain_tracker_gets_the_document_itself(desk: Desk) -> None:
    document = handed(desk)
    plain = tracker.payload("plain", document, "msg_1")
    assert HandOver.from_json(json.dumps(plain)) == document


def test_a_tracker_wants_a_token_from_the_servers_machine(desk: Desk) -> None:
    url = "https://api.github.com/repos/hsp/kasir/issues"
    wish = {"tier": Tier.L3, "shape": "github"}
    for secret, said in (("", "wants a token"), ("t0ken", "no place"), ("file:x", "no place")):
        with pytest.raises(Invalid, match=said):
            desk.channel(Kind.TRACKER, url, secret=secret, **wish)


def test_a_token_that_is_gone_is_an_error_of_the_channel_and_no_crash(
    desk: Desk, hook: Receiver, token: str
) -> None:
    desk.channel(Kind.TRACKER, hook.url, tier=Tier.L3, shape="github", secret=token)
    Path(token.removeprefix("file:")).unlink()
    hand_over(desk, "anybody")
    desk.send()
    [delivery] = desk.deliveries()
    assert delivery.state == "waiting"
    assert "cannot be read" in delivery.error
    assert hook.posts == []
