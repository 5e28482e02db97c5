"""A site without any line: a stick goes there with an update and comes back with the reports."""

import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from distribution.database.tables import Attempt, Receipt, SiteProduct
from distribution.desk.ticket_views import Which
from distribution.desk.tickets import queue
from distribution.sites import media, media_import, watch
from manifests.failures import FailureCode
from tests.simulators.village import PRODUCT, Village, VillageSite, now


@pytest.fixture
def site(village: Village) -> VillageSite:
    """At 1.0, and cut off since; 1.1 waits for it."""
    site = village.site("warung-1")
    village.publish("1.0")
    village.start("1.0")
    site.poll()
    village.publish("1.1")
    village.start("1.1")
    enrolment = (site.state / "enrolment.json").read_text()
    port = village.server.settings.public_url.rpartition(":")[2]
    (site.state / "enrolment.json").write_text(enrolment.replace(f":{port}", ":9"))
    return site


@pytest.fixture
def stick(village: Village, site: VillageSite, tmp_path: Path) -> Path:
    """What ``hsp export-media`` writes for the site."""
    folder = tmp_path / "stick"
    done = media.export_media(
        village.server, site.site_id, folder, timedelta(days=14), "ani", now()
    )
    assert done.releases == {PRODUCT: ["1.1"]}
    return folder


def test_a_stick_brings_the_update_and_takes_the_reports_back(
    village: Village, site: VillageSite, stick: Path
) -> None:
    names = [path.name for path in (stick / "repository/targets").rglob("*.tar.zst")]
    assert [name.partition(".")[2] for name in names] == [f"{PRODUCT}-1.1.tar.zst"]

    result = site.command("once", "--from", str(stick))
    assert result.exit_code == 0, result.output
    assert site.serves() == "1.1"

    done = media_import.import_media(village.server, stick, now())
    assert (done.new > 0, done.refused) == (True, [])
    assert media_import.import_media(village.server, stick, now()).new == 0, "twice is once"
    village.tick()
    with village.server.database.reading() as session:
        newest = session.exec(select(Attempt).where(Attempt.version == "1.1")).one()
        assert newest.phase == "confirmed"
        assert session.exec(select(SiteProduct.version)).one() == "1.1"
        assert {receipt.phase for receipt in session.exec(select(Receipt))} >= {"confirmed"}
    assert village.tickets() == []


def test_a_site_without_a_line_is_not_called_silent_before_its_stick_is_overdue(
    village: Village, site: VillageSite, stick: Path
) -> None:
    def tickets_after(days: float) -> list[str]:
        watch.look(village.server.database, village.server.settings, now() + timedelta(days=days))
        with village.server.database.reading() as session:
            return [ticket.code for ticket in queue(session, Which.OPEN, None)]

    assert tickets_after(13.9) == []
    assert tickets_after(14.1) == [FailureCode.SILENT]
    site.command("once", "--from", str(stick))
    media_import.import_media(village.server, stick, now() + timedelta(days=15))
    assert tickets_after(28.9) == []
    assert tickets_after(29.1) == [FailureCode.SILENT]


def test_the_site_keeps_its_reports_until_the_server_has_them(
    site: VillageSite, stick: Path
) -> None:
    site.command("once", "--from", str(stick))
    kept = {path.read_bytes() for path in (site.state / "outbox").glob("*.dsse")}
    taken = {path.read_bytes() for path in (stick / "receipts").glob("*.report.dsse")}
    assert kept and kept == taken, "a stick may be lost on its way back"


def test_a_stick_that_somebody_changed_installs_nothing(site: VillageSite, stick: Path) -> None:
    for file in (stick / "repository/targets").rglob("*.tar.zst"):
        file.write_bytes(file.read_bytes()[:-1] + b"x")
    site.command("once", "--from", str(stick))
    assert site.serves() == "1.0"


def test_a_stick_from_last_year_installs_nothing(site: VillageSite, stick: Path) -> None:
    newer = stick.with_name("newer")
    shutil.copytree(stick, newer)
    (newer / "repository/metadata/timestamp.json").write_bytes(b"{}")
    result = site.command("once", "--from", str(newer))
    assert (result.exit_code, site.serves()) == (76, "1.0")


def test_no_link_on_a_stick_leads_out_of_it(site: VillageSite, stick: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    targets = stick / "repository/targets"
    targets.rename(secret / "targets")
    targets.symlink_to(secret / "targets")
    result = site.command("once", "--from", str(stick))
    assert result.exit_code != 0
    assert site.serves() == "1.0"
    assert "Traceback" not in result.output


def test_a_folder_that_is_no_stick_is_named(site: VillageSite, tmp_path: Path) -> None:
    result = site.command("once", "--from", str(tmp_path))
    assert result.exit_code == 65
    assert "export-media" in result.output
