"""E-mail, to a real SMTP server with STARTTLS and a login."""

import email.policy
from dataclasses import replace
from datetime import UTC, datetime
from email.parser import BytesParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distribution.desk.news import News
from distribution.errors import Misconfigured
from distribution.languages import Language
from distribution.notify import mail as mails
from distribution.notify.errors import NotDelivered
from distribution.notify.states import Kind
from distribution.notify.words import Message
from distribution.settings import Settings
from manifests.failures import Tier
from tests.distribution.notify.conftest import Desk
from tests.simulators.mail_server import MailServer

AT = datetime(2026, 11, 25, tzinfo=UTC)
MESSAGE = Message(
    *("msg_1", "ticket.opened", AT, "subject", ("line",), "short", {}, "t1", "channel-1"),
    Language.ENGLISH,
)


def text_of(letter: object) -> str:
    """Its part of plain text."""
    return letter.get_body(("plain",)).get_content()  # type: ignore[attr-defined,no-any-return]


def test_a_mail_says_everything_in_text_and_html_and_that_a_machine_wrote_it(
    desk: Desk, mail: MailServer
) -> None:
    desk.channel(Kind.EMAIL, "l2@hsp.example", tier=Tier.L2, zone="Asia/Jakarta")
    problem = desk.problem(detail="<b>500</b> & nothing")
    desk.tell(News.OPENED, problem, "shop")
    desk.send()
    [letter] = mail.letters
    assert letter["To"] == "l2@hsp.example"
    assert letter["From"] == "updates@hsp.example"
    assert letter["Subject"] == "[L2] new: unhealthy, app 2.0 (1 site at 1 client)"
    assert letter["Auto-Submitted"] == "auto-generated"
    assert letter["List-Id"] == "<channel-1.hsp.hsp.example>"
    [delivery] = desk.deliveries()
    assert letter["Message-ID"] == f"<{delivery.message_id}@hsp.example>"
    text = text_of(letter)
    assert "Seen first: <b>500</b> & nothing" in text
    assert "docs/runbooks/unhealthy.md" in text
    assert "Answer by 25 Nov 2026, 13:00 " in text
    assert "Say to the customer: The new version did not work well" in text
    html = letter.get_body(("html",)).get_content()
    assert "&lt;b&gt;500&lt;/b&gt; &amp; nothing" in html


def test_a_client_reads_its_own_language_its_own_sites_and_nothing_of_ours(
    desk: Desk, mail: MailServer
) -> None:
    desk.channel(Kind.EMAIL, "rina@warung.example", client="warung", language="id")
    problem = desk.problem(detail="klinik's ward has it too")
    desk.tell(News.OPENED, problem, "ward")
    desk.tell(News.JOINED, problem, "shop")
    desk.tell(News.RAISED, problem, tier=Tier.L3)
    desk.tell(News.OVERDUE, problem, tier=Tier.L3)
    desk.send()
    [letter] = mail.letters
    said = str(letter["Subject"]) + text_of(letter)
    assert letter["Subject"].startswith("shop: ")
    for internal in ("ward", "klinik", "L3", "L2", "unhealthy", "problem", "runbook", "icket"):
        assert internal not in str(letter), internal
    assert "Versi baru" in said, "the customer's sentence in Indonesian"
    assert "Sejak" in said


def test_a_client_hears_when_it_is_over_at_its_site_and_only_there(
    desk: Desk, mail: MailServer
) -> None:
    desk.channel(Kind.EMAIL, "rina@warung.example", client="warung")
    problem = desk.problem()
    for site in ("shop", "ward", "stall"):
        desk.tell(News.OPENED if site == "shop" else News.JOINED, problem, site)
    desk.send()
    desk.tell(News.CLOSED, problem, "ward")
    desk.send(600)
    assert len(mail.letters) == 1, "of another's site it hears nothing"
    desk.tell(News.CLOSED, problem, "shop")
    desk.send()
    [begun, over] = mail.letters
    assert begun["Subject"].startswith("2 of your sites: ")
    assert "At: shop, stall." in text_of(begun)
    assert over["Subject"] == "shop: this is over"
    assert begun["References"] == over["References"], "mail programs gather them"


def test_escalations_go_to_the_new_tier(desk: Desk, mail: MailServer) -> None:
    for tier in Tier:
        desk.channel(Kind.EMAIL, f"{tier.lower()}@hsp.example", tier=tier)
    desk.channel(Kind.EMAIL, "duty@hsp.example", tier=Tier.L1, least=Tier.L3)
    problem = desk.problem(Tier.L1)
    desk.tell(News.OPENED, problem, "shop")
    desk.send()
    assert [each["To"] for each in mail.letters] == ["l1@hsp.example"]
    mail.letters.clear()
    desk.tell(News.RAISED, problem, "shop", tier=Tier.L2)
    desk.send(1)
    desk.tell(News.OVERDUE, problem, tier=Tier.L3)
    desk.send(1)
    heard = [(each["To"], each["Subject"].strip().partition(":")[0]) for each in mail.letters]
    assert heard[0] == ("l2@hsp.example", "[L2] raised")
    late = "[L3] nobody has answered in time"
    assert sorted(heard[1:]) == [("duty@hsp.example", late), ("l3@hsp.example", late)]


def test_a_mail_server_that_is_busy_is_asked_again(desk: Desk, mail: MailServer) -> None:
    desk.channel(Kind.EMAIL, "l2@hsp.example", tier=Tier.L2)
    mail.refusals = ["450 4.2.1 busy"]
    desk.tell(News.OPENED, desk.problem(), "shop")
    desk.send()
    [delivery] = desk.deliveries()
    assert (delivery.state, mail.letters) == ("waiting", [])
    assert delivery.error == "the mail server: 450 4.2.1 busy"
    desk.send(11)
    assert [each["Message-ID"] for each in mail.letters] == [f"<{delivery.message_id}@hsp.example>"]
    assert desk.deliveries()[0].state == "sent"


@given(st.text(max_size=300), st.text(max_size=300))
def test_nothing_in_a_message_becomes_a_header_of_its_mail(subject: str, line: str) -> None:
    for hostile in (subject, f"{subject}\r\nBcc: all@example.com", f"{subject}\u2028Bcc: x@y"):
        message = replace(MESSAGE, subject=hostile, lines=(line,))
        letter = mails.letter(message, "l2@hsp.example", "updates@hsp.example")
        read = BytesParser(policy=email.policy.default).parsebytes(letter.as_bytes())
        assert set(read.keys()) == {
            *("Subject", "From", "To", "Date", "Message-ID", "References", "Auto-Submitted"),
            *("List-Id", "MIME-Version", "Content-Type"),
        }


def test_a_password_goes_over_no_open_line_and_to_no_false_server(
    settings: Settings, mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_clear = settings.model_copy(update={"smtp_host": "mail.example", "smtp_security": "none"})
    with pytest.raises(Misconfigured, match="unencrypted"):
        mails.send(MESSAGE, "l2@hsp.example", in_clear)
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(NotDelivered, match="certificate"):
        mails.send(MESSAGE, "l2@hsp.example", settings)
    wrong = settings.home / "wrong"
    wrong.write_text("sesame\n")
    monkeypatch.setenv("SSL_CERT_FILE", str(mail.certificate))
    with pytest.raises(NotDelivered, match="535"):
        mails.send(
            MESSAGE,
            "l2@hsp.example",
            settings.model_copy(update={"smtp_password_file": str(wrong)}),
        )
    assert mail.letters == []
