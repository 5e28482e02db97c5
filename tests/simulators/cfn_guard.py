"""cfn-guard with AWS Control Tower's rules for templates, as the CDK's plug-in on npm ships them.

A rule sees no more than the text of a template: hand it one whose references are resolved.
"""

import json
import os
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

from tests.simulators.npm import modules


@cache
def _package() -> Path:
    folder = modules(Path(__file__).with_name("cfn_guard"), "--legacy-peer-deps")
    return folder / "node_modules" / "@cdklabs" / "cdk-validator-cfnguard"


def broken_rules(template: Path) -> set[str]:
    """The names of the rules that a template breaks, such as ``ct-s3-pr-1``."""
    machine = os.uname().machine
    program = _package() / "bin" / "ubuntu" / machine / "cfn-guard"
    program.chmod(0o755)
    rules = _package() / "rules" / "control-tower" / "cfn-guard"
    options = ["--structured", "--output-format", "json", "--show-summary", "none"]
    done = subprocess.run(
        [program, "validate", "--rules", rules, "--data", template, *options],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 19), done.stderr  # 19: some rule is broken
    reports: list[dict[str, Any]] = json.loads(done.stdout)
    broken = [rule["Rule"]["name"] for one in reports for rule in one["not_compliant"]]
    return set(broken)
