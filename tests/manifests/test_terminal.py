"""How the programs tell a person that something went wrong: never with a traceback."""

import click
from click.testing import CliRunner

from manifests.errors import IncompatibleDocument, ManifestError
from manifests.terminal import Program


@click.group(cls=Program)
def program() -> None:
    """A program."""


@program.command()
def fail() -> None:
    """Fail with a next step."""
    raise ManifestError("the plan is of another product", hint="ask its author")


@program.command()
def fail_plainly() -> None:
    """Fail without one."""
    raise IncompatibleDocument("the plan has format 2")


@program.command()
def work() -> None:
    """Work."""
    click.echo("done")


def test_an_error_is_a_sentence_a_next_step_and_a_status() -> None:
    result = CliRunner().invoke(program, ["fail"])
    assert result.stderr == "error: the plan is of another product\n       next: ask its author\n"
    assert result.stdout == ""
    assert result.exit_code == 65


def test_an_error_without_a_next_step_claims_none() -> None:
    result = CliRunner().invoke(program, ["fail-plainly"])
    assert result.stderr == "error: the plan has format 2\n"
    assert result.exit_code == 65


def test_a_command_that_works_is_left_alone() -> None:
    result = CliRunner().invoke(program, ["work"])
    assert (result.stdout, result.stderr, result.exit_code) == ("done\n", "", 0)


def test_an_error_in_text_carries_its_next_step() -> None:
    assert str(ManifestError("wrong", hint="mend it")) == "wrong (mend it)"
    assert str(ManifestError("wrong")) == "wrong"
