"""``hsp problem``, ``hsp known-issue``, ``hsp failure``: L3's work, and the table of failures."""

import re
from datetime import timedelta

import click

from distribution.cli import acting, show
from distribution.database.sessions import Database
from distribution.desk import (
    handing_over,
    known_issue_work,
    known_issues,
    overrides,
    problem_work,
)
from distribution.desk.known_issue_work import NewKnownIssue
from distribution.desk.overrides import Change, FailureView
from distribution.languages import Language
from distribution.notify import trackers
from distribution.server import utc_now
from distribution.settings import Settings
from manifests.failures import FailureCode, Tier


def register(program: click.Group) -> None:
    """Add these commands to ``hsp``."""
    program.add_command(problem)
    program.add_command(known_issue)
    program.add_command(failure)


# --- hsp problem


@click.group()
def problem() -> None:
    """Work on a problem: who runs it, its cause, its hotfix, the hand-over to developers."""


@problem.command("sites")
@click.argument("number", type=show.NUMBER)
@click.pass_obj
def sites_of(settings: Settings, number: int) -> None:
    """Who runs the version of ticket NUMBER, or is about to get it, client by client."""
    with Database.open(settings).reading() as session:
        found = problem_work.who_runs(session, number)
    rows = (
        (each.client_id, site, "runs it" if site in each.runs else "gets it next")
        for each in found
        for site in (*each.runs, *each.next_in_line)
    )
    show.table(("client", "site", ""), rows)


@problem.command()
@click.argument("number", type=show.NUMBER)
@click.argument("text")
@click.option("--by", default=show.whoami, help="Who found it.")
@click.pass_obj
def cause(settings: Settings, number: int, text: str, by: str) -> None:
    """Write down the cause of ticket NUMBER."""
    database = Database.open(settings)
    problem_work.cause(database, acting.somebody(database, by), number, text, utc_now())
    click.echo(f"the cause is written on ticket {number}")


@problem.command()
@click.argument("number", type=show.NUMBER)
@click.argument("release")
@click.option("--by", default=show.whoami, help="Who says so.")
@click.pass_obj
def hotfix(settings: Settings, number: int, release: str, by: str) -> None:
    """Say that RELEASE, a version or a manifest's path, is to mend ticket NUMBER."""
    database = Database.open(settings)
    problem_work.hotfix(database, acting.somebody(database, by), number, release, utc_now())
    click.echo(f"ticket {number} is to be mended by {release}")


@problem.command("hand-over")
@click.argument("number", type=show.NUMBER)
@click.option("--to", "tracker", required=True, help="The developers' tracker, by its name here.")
@click.option("--with-names", is_flag=True, help="With the names of sites and clients.")
@click.option("--print", "printed", is_flag=True, help="Print the document, too.")
@click.option("--by", default=show.whoami, help="Who hands it over.")
@click.pass_obj
def hand_over(
    settings: Settings, number: int, tracker: str, by: str, *, with_names: bool, printed: bool
) -> None:
    """Give ticket NUMBER to the developers with everything attached, and no customer's name."""
    database = Database.open(settings)
    person = acting.somebody(database, by)
    with database.reading() as session:
        reached = trackers.reached_by(session, tracker)
    document = handing_over.hand_over(
        database, person, number, tracker, utc_now(), with_names=with_names
    )  # fmt: skip
    if printed:
        click.echo(document.to_json())
    click.echo(f"ticket {number} is handed over to {tracker}", err=printed)
    if not reached:
        hint = "no tracker is set up here: send what --print shows, or 'hsp notify add'"
        click.echo(hint, err=True)


# --- hsp known-issue


@click.group("known-issue")
def known_issue() -> None:
    """Causes that L3 knows of, with what helps until they are mended."""


@known_issue.command("add")
@click.option("--problem", type=show.NUMBER_OR_NONE, default=0, help="Made of this ticket.")
@click.option("--product", default="", help="Which product; that of the ticket without it.")
@click.option("--versions", default="", help="A list as 2.0,2.1 or a range as '>=2,<3'.")
@click.option(
    "--code",
    default="",
    type=click.Choice(["", *(code.value for code in FailureCode)]),
    help="The code.",
)
@click.option("--signature", default="", help="A ticket's signature, as 'hsp ticket show' says it.")
@click.option("--words", default="", help="Words that the report says, all of them.")
@click.option("--workaround", required=True, help="What helps a site that has it.")
@click.option("--sentence", required=True, help="What any client may hear of it.")
@click.option("--by", default=show.whoami, help="Who makes it.")
@click.pass_obj
def add_known_issue(settings: Settings, /, by: str, problem: int, **fields: str) -> None:
    """Make a known issue; failures that it explains are no news any more."""
    database = Database.open(settings)
    new = NewKnownIssue(problem=problem, **fields)
    made = known_issue_work.add(database, acting.somebody(database, by), new, utc_now())
    click.echo(f"{made.number} is a known issue of {made.product} from the next report on")


@known_issue.command("list")
@click.option("--all", "also_ended", is_flag=True, help="Those that are over, too.")
@click.pass_obj
def list_known_issues(settings: Settings, *, also_ended: bool) -> None:
    """The known issues with their workarounds."""
    with Database.open(settings).reading() as session:
        found = known_issues.listed(session, also_ended=also_ended)
    columns = (
        "no.", "product", "versions", "code", "words", "workaround", "sentence", "ticket", "by",
        "ended", "why",
    )  # fmt: skip
    show.table(
        columns,
        (
            (k.number, k.product, k.versions, k.code, k.words or k.signature, k.workaround,
             k.sentence, k.problem, k.by, k.ended_at, k.end_reason)
            for k in found
        ),
    )  # fmt: skip


@known_issue.command("end")
@click.argument("number", metavar="K-NUMBER")
@click.option("--reason", required=True, help="Such as the release that mends it.")
@click.option("--by", default=show.whoami, help="Who ends it.")
@click.pass_obj
def end_known_issue(settings: Settings, number: str, reason: str, by: str) -> None:
    """End a known issue: what it explained is news again."""
    matched = re.fullmatch(r"(?:[Kk]-)?([0-9]{1,18})", number)
    if matched is None:
        raise click.UsageError(f"{number!r} is not the number of a known issue, such as K-3")
    database, which = Database.open(settings), int(matched[1])
    known_issue_work.end(database, acting.somebody(database, by), which, reason, utc_now())
    click.echo(f"K-{which} is over")


# --- hsp failure


@click.group()
def failure() -> None:
    """What each failure code means here: tier, clock, page, sentence."""


@failure.command("list")
@click.pass_obj
def list_failures(settings: Settings) -> None:
    """Every code; what an operator has changed is marked."""
    with Database.open(settings).reading() as session:
        found = overrides.listed(session)
    columns = ("code", "tier", "answer within", "page", "sentence", "changed")
    show.table(columns, (_row(each) for each in found))


def _row(one: FailureView) -> tuple[object, ...]:
    within = timedelta(seconds=one.answer_within_seconds)
    return (
        one.code, one.tier, within, one.runbook, one.sentences[Language.ENGLISH],
        "changed" if one.changed else "",
    )  # fmt: skip


@failure.command("set")
@click.argument("code")
@click.option("--tier", type=click.Choice([tier.value for tier in Tier]))
@click.option("--answer-within", metavar="30m|4h|2d", help="How soon somebody answers.")
@click.option("--runbook", default="", help="A page of your own.")
@click.option("--sentence", "sentences", multiple=True, metavar="LANGUAGE=TEXT")
@click.option("--reason", required=True)
@click.option("--by", default=show.whoami, help="Who says so.")
@click.pass_obj
def set_failure(
    settings: Settings,
    /,
    code: str,
    tier: str | None,
    answer_within: str | None,
    runbook: str,
    sentences: tuple[str, ...],
    reason: str,
    by: str,
) -> None:
    """Say something else of CODE; open tickets keep their tier and their clock."""
    wanted = Change(
        tier=Tier(tier) if tier else None,
        answer_within=_duration(answer_within) if answer_within else None,
        runbook=runbook,
        sentences=dict(_sentence(text) for text in sentences),
    )
    database = Database.open(settings)
    overrides.change(database, acting.somebody(database, by), code, wanted, reason, utc_now())
    click.echo(f"{code} is changed, for tickets from now on")


@failure.command("reset")
@click.argument("code")
@click.option("--reason", required=True)
@click.option("--by", default=show.whoami, help="Who says so.")
@click.pass_obj
def reset_failure(settings: Settings, code: str, reason: str, by: str) -> None:
    """Take back everything that was changed of CODE."""
    database = Database.open(settings)
    overrides.reset(database, acting.somebody(database, by), code, reason, utc_now())
    click.echo(f"{code} is as it came")


def _duration(text: str) -> timedelta:
    matched = re.fullmatch(r"([0-9]{1,6})([mhd])", text.strip())
    if matched is None:
        raise click.UsageError(f"{text!r} is no time to answer within; write 30m, 4h or 2d")
    number, unit = int(matched[1]), matched[2]
    return number * {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(1)}[unit]


def _sentence(text: str) -> tuple[Language, str]:
    name, equals, words = text.partition("=")
    if not equals or name not in set(Language):
        raise click.UsageError(
            f"{text[:60]!r} is no sentence; write one of {', '.join(Language)}, =, and the words"
        )
    return Language(name), words
