"""The alert rules fire when they should, and every figure that they and the dashboard ask for is
one that a server gives."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from distribution.telemetry import counters, metrics
from tests.simulators.debian_packages import unpacked
from tests.simulators.house import Clock, House

MONITORING = Path(__file__).parents[2] / "infra" / "monitoring"
_NAME = re.compile(r"\bhsp_[a-z_]+")
_PARTS_OF_A_HISTOGRAM = re.compile(r"_(bucket|sum|count)$")


@pytest.fixture(scope="module")
def promtool() -> Path:
    """Prometheus' own checker."""
    return unpacked("prometheus", "prometheus") / "usr/bin/promtool"


def _checked(promtool: Path, *words: str | Path, said: bytes | None = None) -> str:
    done = subprocess.run(
        [promtool, *words], cwd=MONITORING, input=said, capture_output=True, check=False
    )
    told = (done.stdout + done.stderr).decode()
    assert done.returncode == 0, told
    return told


def test_each_alert_fires_where_it_should_and_nowhere_else(promtool: Path) -> None:
    assert "SUCCESS: 14 rules" in _checked(promtool, "check", "rules", "alerts.yaml")
    _checked(promtool, "test", "rules", "alerts_test.yaml")
    _checked(promtool, "check", "config", "--syntax-only", "prometheus.yaml")
    told = (MONITORING / "alerts_test.yaml").read_text()
    assert all(f"alertname: {alert['alert']}\n" in told for alert in _alerts()), (
        "an alert that is never shown firing"
    )


def test_prometheus_understands_the_dashboards_questions(promtool: Path, tmp_path: Path) -> None:
    asked = _questions()
    rules = [{"record": f"asked:{number}", "expr": expr} for number, expr in enumerate(asked)]
    file = tmp_path / "asked.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "asked", "rules": rules}]}))
    assert f"SUCCESS: {len(asked)} rules" in _checked(promtool, "check", "rules", file)


def test_what_they_ask_for_is_what_a_server_tells(promtool: Path, tmp_path: Path) -> None:
    house = House.build(tmp_path, Clock())
    counters.request("/v1/sites", 200, 0.01)
    with counters.step("publish_plans"):
        pass
    told = metrics.text(house.server, house.clock()).decode()
    house.database.close()
    _checked(promtool, "check", "metrics", said=told.encode())
    given = set(re.findall(r"^# TYPE (\S+) ", told, re.MULTILINE))
    asked = {name for expr in [*_questions(), *_rules()] for name in _NAME.findall(expr)}
    plain = {_PARTS_OF_A_HISTOGRAM.sub("", name) for name in asked}
    assert plain - given == set()


def _alerts() -> list[dict[str, Any]]:
    read = yaml.safe_load((MONITORING / "alerts.yaml").read_text())
    return [rule for group in read["groups"] for rule in group["rules"]]


def _rules() -> list[str]:
    return [alert["expr"] for alert in _alerts()]


def _questions() -> list[str]:
    dashboard = json.loads((MONITORING / "dashboard.json").read_text())
    return [each["expr"] for panel in dashboard["panels"] for each in panel.get("targets", [])]
