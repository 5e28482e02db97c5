"""What an administrator does with ``hsp-updater`` beside having it run."""

import sys
from pathlib import Path

import click

from client_updater.agent import Agent, system_clock
from client_updater.agent_log import AGENT_LOG_FILE, TIMED, logged
from client_updater.context import Context
from client_updater.enrolment import Newcomer, read_invitation, same_fingerprint
from client_updater.errors import Refused, Stopping
from client_updater.explanation import explain_product
from client_updater.integrity import repair, verify
from client_updater.loop import Loop
from client_updater.media import carried
from client_updater.poll import Poll
from client_updater.settings import DEFAULT_POLICY
from client_updater.sign_of_life import floor_or_empty
from client_updater.status import LAST_POLL_FILE, read_last_poll
from client_updater.support_commands import diagnostics, rotate_key
from client_updater.wording import explained_lines, result_lines, status_json, status_lines
from manifests.target_paths import canonical_version

pass_context = click.make_pass_decorator(Context)


@click.command()
@click.argument("invitation")
@click.option("--root-sha256", help="The fingerprint that your provider gave you on another way.")
@click.option(
    "--policy",
    type=click.Path(dir_okay=False, path_type=Path),
    help="What this site allows, as a TOML file; it is copied to site.toml.",
)
@click.option("--again", is_flag=True, help="Trust a new root; the site stays what it is.")
@pass_context
def enroll(
    context: Context,
    invitation: str,
    root_sha256: str | None,
    policy: Path | None,
    again: bool,
) -> None:
    """Join with an INVITATION: the line that your provider sent, or a file that holds it."""
    newcomer = Newcomer(context.state, read_invitation(invitation), _policy_text(policy), again)

    def confirm(fingerprint: str) -> bool:
        if root_sha256 is not None:
            return same_fingerprint(root_sha256, newcomer.invitation.root_sha256)
        click.echo(f"This site will trust the root with this fingerprint (SHA-256):\n{fingerprint}")
        return click.confirm("Is it what your provider told you on another way than this one?")

    enrolment = newcomer.join(confirm, system_clock())
    products = ", ".join(enrolment.profile.products) or "no product yet"
    click.echo(f"{enrolment.profile.site_id} has joined and looks after {products}.")
    click.echo(f"What it allows is in {context.state / 'site.toml'}.")
    click.echo("Next: 'hsp-updater once' to poll now, 'hsp-updater run' to keep doing it.")


def _policy_text(path: Path | None) -> str:
    if path is None:
        return DEFAULT_POLICY
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"the policy {path} cannot be read: {error}") from error


@click.command()
@click.option(
    "--from",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="From a folder that somebody brought, instead of the network.",
)
@pass_context
def once(context: Context, folder: Path | None) -> None:
    """Poll once, install what may be installed, report, and end."""
    agent = context.agent() if folder is None else carried(context.agent(), folder)
    with (
        logged(agent.state / AGENT_LOG_FILE, "%(message)s"),
        context.stop.on_signals(),
        agent.state.as_the_agent(),
        agent.state.at_work(),
    ):
        this = Poll(agent)
        try:
            last = this.run()
        except Stopping:
            click.echo("Stopped; the next poll goes on from here.")
            return
    for line in result_lines(last):
        click.echo(line)
    if this.problems:
        sys.exit(this.problems[0].exit_status)


@click.command()
@click.option("--listen", required=True, metavar="HOST:PORT", help="Where other agents reach it.")
@pass_context
def relay(context: Context, listen: str) -> None:
    """Pass the repository on to other agents on this site's network, each file fetched once."""
    from client_updater.relay import open_relay  # a web server, which no other command needs

    agent = context.agent()
    with (
        logged(agent.state / "logs/relay.log", TIMED),
        open_relay(agent, listen) as server,
        context.stop.on_signals(),
    ):
        click.echo(f"relaying on {server.url}; in the others' agent.toml:")
        click.echo(f'metadata_url = "{server.url}/metadata"\ntargets_url = "{server.url}/targets"')
        server.serve_until(context.stop)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@pass_context
def status(context: Context, as_json: bool) -> None:
    """Say what this site runs, what it waits for, and whether anything is wrong."""
    agent = context.agent()
    last = read_last_poll(agent.state / LAST_POLL_FILE)
    if as_json:
        click.echo(status_json(agent, last))
    else:
        click.echo("\n".join(status_lines(agent, last)))


@click.command()
@click.argument("product", required=False)
@pass_context
def explain(context: Context, product: str | None) -> None:
    """Say why releases are or are not installed: every gate, until when, and who can lift it."""
    agent = context.agent()
    last = read_last_poll(agent.state / LAST_POLL_FILE)
    names = agent.enrolment.profile.products if product is None else (agent.known(product),)
    for name in names:
        click.echo("\n".join(explained_lines(name, explain_product(agent, name, last), last)))


@click.command()
@click.argument("product")
@pass_context
def revert(context: Context, product: str) -> None:
    """Go back to the version of PRODUCT that ran before; the present one is not tried again."""
    agent = context.agent()
    with agent.state.at_work():
        agent.state.make()
        attempt = agent.revert(agent.known(product))
    running = agent.slots.current(product)
    click.echo(f"{product} {running} runs again. {attempt.version} is not installed here any more")
    click.echo(f"until 'hsp-updater rearm {product} {attempt.version}'.")


@click.command()
@click.argument("product")
@click.argument("version")
@pass_context
def approve(context: Context, product: str, version: str) -> None:
    """Say yes to an emergency VERSION where this site's policy is to ask."""
    agent = context.agent()
    agent.known(product)
    with agent.state.at_work():
        record = agent.products.read(product).with_approval(_version(version))
        agent.products.write(product, record)
    click.echo(f"{product} {version} is approved; it is installed at the next poll if it may be.")


@click.command()
@click.argument("product", required=False)
@click.argument("version", required=False)
@click.option("--trust", is_flag=True, help="Begin a new trust floor in place of a lost one.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_context
def rearm(
    context: Context, product: str | None, version: str | None, trust: bool, yes: bool
) -> None:
    """Let a VERSION that failed here be tried again; or, with --trust, trust anew."""
    agent = context.agent()
    if trust:
        _rearm_trust(agent, yes)
    elif product is None or version is None:
        raise click.UsageError("name a product and a version, or --trust")
    else:
        _rearm_version(agent, agent.known(product), _version(version))


def _rearm_version(agent: Agent, product: str, version: str) -> None:
    with agent.state.at_work():
        record = agent.products.read(product)
        rearmed = record.rearmed(version)
        if rearmed == record:
            raise Refused(f"{product} {version} has not failed here; there is nothing to re-arm")
        agent.products.write(product, rearmed)
    click.echo(f"{product} {version} is tried again at the next poll if it may be installed.")


def _rearm_trust(agent: Agent, yes: bool) -> None:
    if floor_or_empty(agent).root_version:
        raise Refused("the trust floor is not lost; there is nothing to re-arm")
    question = (
        "The record of what this site has seen is lost. Going on without it means to trust the\n"
        "repository as it shows itself now. Did your provider's security people say that you may?"
    )
    if not yes and not click.confirm(question):
        raise Refused("nothing was changed")
    with agent.state.at_work():
        agent.rearm_trust()
    click.echo("This site trusts anew from its pinned root on.")


def _version(text: str) -> str:
    try:
        return canonical_version(text)
    except ValueError as error:
        raise Refused(str(error)) from error


@click.command(hidden=True)
@click.option("--lock", type=int, required=True)
@pass_context
def work(context: Context, lock: int) -> None:
    """What ``run`` starts: poll the whole way until the site is quiet. It holds LOCK for us."""
    context.state.keep_lock(lock)
    context.stop.at_the_end_of(sys.stdin.buffer)
    agent = context.agent()
    with logged(agent.state / AGENT_LOG_FILE, TIMED), context.stop.on_signals():
        Loop(agent, context.stop).run()


COMMANDS = {
    str(command.name): command
    for command in (
        *(enroll, once, relay, status, explain, revert, approve, rearm),
        *(verify, repair, diagnostics, rotate_key, work),
    )
}
