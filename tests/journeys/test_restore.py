"""The disk of the database is lost, and only the backup of last night is left."""

from pathlib import Path

from click.testing import CliRunner
from sqlmodel import select

from distribution.backup import asking
from distribution.cli import main as hsp
from distribution.database.tables import Attempt, Receipt
from tests.simulators.village import PRODUCT, Village


def _hsp(village: Village, *words: str) -> str:
    done = CliRunner().invoke(hsp, ["--home", str(village.server.settings.home), *words])
    assert done.exit_code == 0, done.output
    return done.output


def _receipts(village: Village) -> set[tuple[int, str]]:
    with village.server.database.reading() as session:
        return {(row.sequence, row.sha256) for row in session.exec(select(Receipt))}


def test_no_report_that_was_acknowledged_is_lost_by_restoring_an_old_backup(
    village: Village, tmp_path: Path
) -> None:
    site = village.site("warung-1")
    village.publish("1.0")
    village.start("1.0")
    site.poll()
    assert site.soon_serves() == "1.0"
    said = _hsp(village, "backup", str(tmp_path / "backup"))
    assert "keys/online/snapshot.key" in said, "it says what it does not hold"
    village.publish("2.0")
    village.start("2.0")
    site.poll()
    assert site.soon_serves() == "2.0"
    village.tick()
    acknowledged = _receipts(village)
    assert not list((site.state / "outbox").glob("*.dsse")), "the site has its receipts"

    said = _hsp(village, "restore", str(tmp_path / "backup"), "--replace")
    assert _receipts(village) < acknowledged, "the database knows nothing of 2.0"
    assert "app 2.0: was unknown here; it is back" in said
    assert "invite them again" in said
    village.tick()
    site.poll()
    assert _receipts(village) == acknowledged
    assert site.serves() == "2.0"
    site.poll()
    village.tick()
    with village.server.database.reading() as session:
        assert asking.is_over(session)
        wanted = select(Attempt.phase).where(Attempt.product == PRODUCT, Attempt.version == "2.0")
        assert session.exec(wanted).all() == ["confirmed"]
