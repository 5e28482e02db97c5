"""What the torture rows once found, each small enough to be read."""

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
import time_machine

from client_updater.downloads import Downloads
from client_updater.errors import DownloadFailed, PolicyInvalid, UntrustedMetadata
from client_updater.fetcher import Fetcher
from client_updater.line_settings import LineSettings
from client_updater.products import ProductRecord
from client_updater.settings import read_policy
from client_updater.status import LastPoll
from client_updater.trusted import Target
from client_updater.wording import result_lines
from manifests.documents import Document, parse_toml
from manifests.errors import IncompatibleDocument, ManifestError
from tests.simulators.repository import SimulatedRepository
from tests.simulators.site import SimulatedSite
from tests.simulators.web import Cut, Replaced, Trickle, Web

BODY = Random("a body").randbytes(300_000)


def _target(web: Web) -> Target:
    return Target("releases/a/1/a", f"{web.url}/file", len(BODY), hashlib.sha256(BODY).hexdigest())


def _fetch(folder: Path, web: Web, **settings: float) -> None:
    fetcher = Fetcher(LineSettings(**{"tries": 1, **settings}))
    Downloads(folder, fetcher).fetch(_target(web), lambda size: None)


def test_a_trickle_does_not_hold_a_poll_for_ever(tmp_path: Path) -> None:
    with Web({"/file": BODY}) as web:
        web.faults["/file"] = [Trickle(pause_seconds=0.01)]
        with pytest.raises(DownloadFailed):
            _fetch(tmp_path, web, download_seconds=0.3)
        assert len(web.requests) <= 4


def test_a_shorter_object_is_not_fetched_again_and_again(tmp_path: Path) -> None:
    with Web({"/file": BODY}) as web:
        web.faults["/file"] = [Replaced(body=BODY[:700])]
        with pytest.raises(DownloadFailed):
            _fetch(tmp_path, web)
        assert len(web.requests) <= 8


def test_a_download_that_is_cut_at_every_turn_still_arrives(tmp_path: Path) -> None:
    with Web({"/file": BODY}) as web:
        web.faults["/file"] = [Cut(after=60_000)]
        _fetch(tmp_path, web)
        assert len(web.requests) == 5


@pytest.mark.parametrize("sha256", ["../../outside", "0" * 63, "", "A" * 64])
def test_a_signed_hash_that_is_none_never_becomes_the_name_of_a_file(
    site: SimulatedSite, repository: SimulatedRepository, sha256: str
) -> None:
    repository.add_target("notes", "releases/notes/1.0/manifest.json", b"{}")
    target = repository.targets["notes"].targets["releases/notes/1.0/manifest.json"]
    target.hashes = {"sha256": sha256}
    repository.sign_targets("notes")
    repository.commit()
    trusted = site.agent().trusted()
    site.state.make()
    trusted.refresh()

    with pytest.raises(UntrustedMetadata, match="without a sha256"):
        trusted.find("releases/notes/1.0/manifest.json", "notes")


def test_a_policy_with_a_number_beyond_all_bounds_is_invalid_and_no_crash(
    site: SimulatedSite,
) -> None:
    for value in ("9" * 5000, "0x" + "f" * 5000):
        (site.folder / "site.toml").write_text(f"format = {value}\n")
        with pytest.raises((PolicyInvalid, IncompatibleDocument)):
            read_policy(site.state, datetime.now(UTC))


def test_a_dotted_key_cannot_eat_the_memory() -> None:
    with pytest.raises(ManifestError, match="dots"):
        parse_toml("a." * 50_000 + "b = 1", "it")


def test_a_format_of_thousands_of_digits_is_refused_in_words() -> None:
    with pytest.raises(IncompatibleDocument, match="over"):
        Document.from_plain({"format": 2**20_000})


def test_a_clock_that_jumps_after_the_servers_spoke_proves_nothing(tmp_path: Path) -> None:
    with Web({"/file": b"x"}) as web, time_machine.travel(datetime.now(UTC), tick=True) as clock:
        fetcher = Fetcher()
        fetcher.get(f"{web.url}/file", 10)
        assert abs(next(iter(fetcher.skews.values()))) < timedelta(seconds=5)

        clock.shift(timedelta(days=377))

        assert next(iter(fetcher.skews.values())) < timedelta(days=-376)


def test_a_pause_that_was_written_under_a_wrong_clock_is_over() -> None:
    now = datetime.now(UTC)
    record = ProductRecord(not_before={"2.0": now + timedelta(days=3650)})
    assert record.pause("2.0", now) is None
    assert ProductRecord(not_before={"2.0": now + timedelta(hours=1)}).pause("2.0", now)


def test_what_a_server_says_cannot_write_to_the_administrator_s_terminal() -> None:
    last = LastPoll(at=datetime.now(UTC), problem="held", detail="\x1b]0;owned\x07\u202e")
    assert all(line.isprintable() for line in result_lines(last))
