"""How sites join, and the ways in which they must not."""

from datetime import timedelta

import pytest
from sqlmodel import select

from distribution.database.tables import Invitation as InvitationRow
from distribution.database.tables import Site
from distribution.errors import (
    Conflict,
    DistributionError,
    Malformed,
    Misconfigured,
    Unauthorised,
)
from distribution.repository.catalogue import trust_state
from distribution.sites import enrolment
from manifests.check_in import Invitation
from manifests.install_report import Phase
from manifests.rollout import Ring
from tests.simulators.estate_databases import written
from tests.simulators.house import House, Talker


def refusal(talker: Talker, token: str = "") -> str:
    with pytest.raises(Unauthorised) as caught:
        enrolment.enrol(
            talker.server.database, talker.enrolment(token), talker.server.settings, talker.now
        )
    return str(caught.value)


def test_an_invitation_carries_what_an_administrator_compares(house: House) -> None:
    site = Talker("shop", house.server)
    text = site.invited().to_text()
    read = Invitation.from_text(text)
    assert read.root_sha256 == house.estate.root_sha256
    assert read.root_version == 1
    assert read.profile == site.profile
    assert read.metadata_url == "http://127.0.0.1:8700/repository/metadata"
    assert read.expires_at == house.clock.now + timedelta(hours=24)


def test_nobody_is_sent_to_a_server_for_files_that_are_in_a_bucket(house: House) -> None:
    site = Talker("shop", house.server)
    in_bucket = {"store_url": "s3://updates/prod", "public_metadata_url": "https://files/metadata"}
    for more in ({}, {"public_targets_url": "https://files/targets"}):
        changed = house.server.settings.model_copy(update={**in_bucket, **more})
        asked = (house.database, site.profile, trust_state(house.server.store), changed)
        if more:
            invitation = enrolment.invite(*asked, "ani", house.clock.now)
            assert invitation.targets_url == "https://files/targets"
        else:
            with pytest.raises(Misconfigured, match="no setting says where sites read it"):
                enrolment.invite(*asked, "ani", house.clock.now)


def test_of_the_token_only_the_hash_is_kept(house: House) -> None:
    token = Talker("shop", house.server).invited().token
    assert token.encode() not in written(house.server.settings)
    with house.database.reading() as session:
        assert session.exec(select(InvitationRow.site_id)).all() == ["shop"]


def test_a_lost_answer_is_given_again(house: House) -> None:
    site = Talker("shop", house.server)
    first = site.enrol()
    site.report(Phase.DOWNLOADING)
    house.clock.forward(3 * 24 * 3600)
    assert site.enrol() == first
    site.report(Phase.CONFIRMED)


def test_used_unknown_expired_and_foreign_tokens_are_refused_with_one_text(
    house: House,
) -> None:
    used = Talker("shop", house.server)
    used.enrol()
    again = Talker("shop", house.server, invitation=used.invitation)
    unknown = Talker("shop", house.server, invitation=used.invitation)
    foreign = Talker("kiosk", house.server, invitation=Talker("bar", house.server).invited())
    expired = Talker("cafe", house.server)
    expired.invited()
    house.clock.forward(24 * 3600)
    found = {
        refusal(again),
        refusal(unknown, token="x" * 43),
        refusal(foreign),
        refusal(expired),
    }
    assert len(found) == 1
    with house.database.reading() as session:
        assert session.exec(select(Site.id)).all() == ["shop"]


def test_a_request_that_its_own_key_did_not_sign_is_refused(house: House) -> None:
    site, other = Talker("shop", house.server), Talker("shop", house.server)
    site.invited()
    other.invitation = site.invitation
    forged = site.enrolment().replace(site.enrolment()[-90:], other.enrolment()[-90:])
    with pytest.raises((Unauthorised, Malformed)):
        enrolment.enrol(house.database, forged, house.server.settings, house.clock.now)


def test_a_second_invitation_ends_the_first(house: House) -> None:
    first, second = Talker("shop", house.server), Talker("shop", house.server)
    first.invited()
    house.clock.forward(1)
    second.invited()
    assert refusal(first)
    second.enrol()


def test_a_site_cannot_be_taken_over_by_another_client(house: House) -> None:
    house.site("shop", client_id="warung")
    with pytest.raises(Conflict, match="belongs to warung, not apotek"):
        Talker("shop", house.server, client_id="apotek").invited()


def test_enrolling_anew_replaces_the_key_and_the_ring(house: House) -> None:
    old = house.site("shop", ring=Ring.BROAD)
    anew = Talker("shop", house.server, ring=Ring.PILOT)
    anew.enrol()
    anew.check_in()
    with pytest.raises(Unauthorised):
        old.check_in()
    with house.database.reading() as session:
        assert '"pilot"' in session.get_one(Site, "shop").profile


@pytest.mark.parametrize("body", [b"", b"{}", b"[" * 5000, b'{"payload":"","payload":""}'])
def test_what_is_no_enrolment_is_refused(house: House, body: bytes) -> None:
    with pytest.raises(Malformed):
        enrolment.enrol(house.database, body, house.server.settings, house.clock.now)


def test_a_site_without_products_is_not_invited(house: House) -> None:
    profile = Talker("shop", house.server).profile.model_copy(update={"products": ()})
    with pytest.raises(DistributionError, match="without any product"):
        enrolment.invite(
            house.database,
            profile,
            trust_state(house.server.store),
            house.server.settings,
            "ani",
            house.clock.now,
        )
