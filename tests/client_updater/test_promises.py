"""Promises about the package itself, held by looking at its source."""

import ast
import tomllib
from pathlib import Path

import client_updater
from client_updater import errors
from client_updater.errors import AgentError
from manifests.failures import FailureCode

PACKAGE = Path(client_updater.__file__).parent
OF_OS = {
    *("chmod", "chown", "fchmod", "fdatasync", "fsync", "ftruncate", "link", "makedirs", "mkdir"),
    *("mkfifo", "mknod", "remove", "removedirs", "rename", "renames", "replace", "rmdir"),
    *("symlink", "truncate", "unlink", "utime", "write"),
}
OF_PATHS = {
    *("hardlink_to", "mkdir", "rmdir", "rmtree", "symlink_to", "touch", "unlink"),
    *("write_bytes", "write_text", "copyfile", "copytree"),
}


def _calls(tree: ast.AST) -> list[tuple[str, str]]:
    """Attribute calls as (what it is called on, name)."""
    return [
        (ast.unparse(node.func.value), node.func.attr)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    ]


def test_only_durable_changes_anything_on_the_disk() -> None:
    found = [
        f"{path.name}: {owner}.{name}"
        for path in PACKAGE.glob("*.py")
        for owner, name in _calls(ast.parse(path.read_text()))
        if path.name != "durable.py" and ((owner == "os" and name in OF_OS) or name in OF_PATHS)
        if owner != "durable.disk"  # it kills, fails and records what goes on below open folders
    ]
    assert found == []


def test_only_durable_opens_for_writing() -> None:
    for path in PACKAGE.glob("*.py"):
        source = path.read_text()
        assert path.name == "durable.py" or "O_CREAT" not in source, path.name
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "open":
                modes = [ast.unparse(argument) for argument in node.args[1:2]]
                assert not any(letter in mode for mode in modes for letter in "wax+"), path.name


def test_every_agent_error_has_a_code_and_every_code_of_an_agent_an_error() -> None:
    leaves = [each for each in vars(errors).values() if isinstance(each, type)]
    codes = {
        each.code for each in leaves if issubclass(each, AgentError) and each is not AgentError
    }
    of_the_server = {
        FailureCode.SILENT,
        FailureCode.LOST_CONTACT,
        FailureCode.ROLLOUT_STOPPED,
        FailureCode.FORGED_REPORT,
        FailureCode.DEADLINE_MISSED,
        FailureCode.METADATA_AGING,
        FailureCode.ROLLOUT_STANDS_STILL,
        FailureCode.BREAKGLASS_REVIEW,
        FailureCode.REVIEW_OVERDUE,
        FailureCode.AUDIT_CONTRADICTED,
        FailureCode.NOTIFICATION_UNDELIVERABLE,
        FailureCode.REPORTED_BY_CUSTOMER,
    }
    assert codes == set(FailureCode) - of_the_server


def test_the_floor_stays_small_enough_to_be_read_in_one_go() -> None:
    assert len((PACKAGE / "floor.py").read_text().splitlines()) < 200


def test_the_agent_says_the_version_that_was_built() -> None:
    project = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text())["project"]
    assert project["version"] == client_updater.AGENT_VERSION
