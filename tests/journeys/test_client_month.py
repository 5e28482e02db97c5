"""A month of real agents: what its report says, and what a stranger can verify of it."""

import json
from pathlib import Path

from click.testing import CliRunner

from distribution.cli import main
from tests.simulators.village import Village, now


def test_a_clients_month_is_told_and_proved(village: Village, tmp_path: Path) -> None:
    shop, ward = village.site("warung-1"), village.site("klinik-1", "klinik")
    first = json.loads(shop.command("status", "--json").output)["public_key"]
    village.publish("1.0", severity="critical")
    village.start("1.0")
    village.poll_all()
    village.tick()
    assert shop.command("rotate-key").exit_code == 0
    village.publish("1.1", healthy=False)
    village.start("1.1")
    village.poll_all()
    village.tick()
    assert (shop.serves(), ward.serves()) == ("1.0", "1.0")

    def hsp(*words: str | Path, home: Path = village.server.settings.home) -> str:
        done = CliRunner().invoke(main, ["--home", str(home), *map(str, words)])
        assert done.exit_code == 0, done.output
        return done.output

    month, report = f"{now():%Y-%m}", tmp_path / "report.json"
    hsp("client", "report", "warung", month, "--zone", "UTC", "--format", "json", "--out", report)
    told = json.loads(report.read_bytes())
    good, bad = told["installs"]
    assert (good["version"], good["outcome"], bad["outcome"]) == ("1.0", "installed", "failed")
    assert told["patch_times"][0]["sites"] == 1
    assert {each["code"] for each in told["incidents"]} == {"unhealthy"}
    assert b"klinik" not in report.read_bytes()
    hsp("client", "report", "warung", month, "--zone", "UTC", "--out", tmp_path / "report.pdf")
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")

    receipts = tmp_path / "warung.receipts"
    hsp("receipts", "export", "warung", "--month", month, "--zone", "UTC", "--out", receipts)
    said = hsp("receipts", "verify", receipts, "--key", first, home=tmp_path / "no server")
    made = json.loads(shop.command("status", "--json").output)["signed_reports"]
    assert f"warung-1: {made} reports, number 1 to {made}, signed by the site" in said
    assert "Everything in the file follows from what the sites have signed." in said
    proofs = {each["proof"]["sha256"] for each in (good, bad)}
    lines = [json.loads(line) for line in receipts.read_bytes().splitlines()]
    assert proofs <= {line.get("sha256") for line in lines}
    assert [line["version"] for line in lines if line["kind"] == "install"] == ["1.0"]
