"""What two check-ins have in common."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifests.check_in import CheckIn
from manifests.repetition import spelled, spoken, witnessed_text
from manifests.rollout import Ring
from manifests.site import SitePolicy

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


def check_in(at: datetime, checkpoint: str = "", version: str = "1", boot: str = "boot") -> bytes:
    return CheckIn(
        site_id="shop", at=at, boot_id=boot, agent_version=version, ring=Ring.BROAD,
        policy=SitePolicy(), audit_checkpoint=checkpoint,
    ).to_bytes()  # fmt: skip


@given(
    st.integers(0, 29_000_000_000_000_000).map(lambda each: EPOCH + timedelta(microseconds=each)),
    texts, texts, texts,
)  # fmt: skip
def test_only_the_moment_and_what_was_witnessed_may_differ(
    at: datetime, checkpoint: str, version: str, boot: str
) -> None:
    body = check_in(at, checkpoint, version, boot)
    said, plain = spoken(body), version.isprintable() and not set(version) & set('"\\')
    if said is None:
        assert not plain
        return
    assert said.at == at
    assert witnessed_text(said.witnessed) == checkpoint
    assert said.witnessed == spelled(checkpoint)
    again = spoken(check_in(datetime(2026, 1, 1, tzinfo=UTC), "", version, boot))
    assert again is not None
    assert again.digest == said.digest
    other = spoken(check_in(at, checkpoint, version, boot + "x"))
    assert other is not None
    assert other.digest != said.digest


@pytest.mark.parametrize(
    "change",
    [
        (b'"at":"2026', b'"at": "2026'),
        (b'"at":"2026-01', b'"at":"2026-13'),
        (b'"at":"2026', b'"at":"9026'),
        (b'"agent_version":"1"', b'"agent_version":"\\u0031"'),
        (b'"audit_checkpoint":""', b'"audit_checkpoint":null'),
        (b'{"agent_version"', b' {"agent_version"'),
    ],
)
def test_a_document_in_another_spelling_repeats_nothing(change: tuple[bytes, bytes]) -> None:
    body = check_in(datetime(2026, 1, 1, tzinfo=UTC))
    assert spoken(body) is not None
    assert spoken(body.replace(*change)) is None
