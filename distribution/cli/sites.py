"""``hsp site``: inviting sites and looking at them; ``hsp explain``."""

from datetime import datetime, timedelta
from pathlib import Path

import click

from distribution.calendars import openings
from distribution.cli import acting, remote, show
from distribution.control import explanation
from distribution.database.sessions import Database
from distribution.errors import Conflict, Misconfigured, UnknownProduct
from distribution.languages import Language
from distribution.people.roles import Permission
from distribution.private_files import write_new
from distribution.repository import catalogue
from distribution.repository.bucket import open_store
from distribution.server import utc_now
from distribution.settings import Settings
from distribution.sites import clients, enrolment, site_identity, site_records
from distribution.sites.site_records import SiteRecord
from manifests.documents import validated
from manifests.rollout import Ring
from manifests.site import SiteProfile
from manifests.terminal import shown
from signing.store import Store

ALL = 1_000_000


def register(program: click.Group) -> None:
    """Add these commands to ``hsp``."""
    remote.register(site)
    program.add_command(site)
    program.add_command(explain)


@click.group()
def site() -> None:
    """Invite sites, and look at them."""


@site.command()
@click.argument("site_id", metavar="SITE")
@click.option("--client", required=True, help="The customer organisation whose site it is.")
@click.option("--ring", type=click.Choice([r.value for r in Ring]), default=Ring.BROAD.value)
@click.option("--product", "products", multiple=True, required=True, help="May be repeated.")
@click.option("--tag", "tags", multiple=True, help="May be repeated.")
@click.option("--region", default="any", show_default=True)
@click.option("--platform", default="any", show_default=True)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Into a new file.")
@click.option("--by", default=show.whoami, help="Who invites, for the record.")
@click.pass_obj
def invite(settings: Settings, /, out: Path | None, by: str, **profile: object) -> None:
    """Invite SITE: one line for its administrator, good for one use within 24 hours."""
    if out and out.exists():
        hint = "name another one; nobody was invited"
        raise Conflict(f"{out} is there already", hint=hint)
    store = open_store(settings)
    wanted = _profile(profile)
    _check_products(store, wanted)
    trust = catalogue.trust_state(store)
    database = Database.open(settings)
    role = acting.acting(database, by, Permission.SITE_INVITE).role_for(Permission.SITE_INVITE)
    invitation = enrolment.invite(database, wanted, trust, settings, by, utc_now(), role)
    if out:
        _write(out, invitation.to_text())
    else:
        click.echo(invitation.to_text())
    click.echo(f"root {trust.root_version}, sha256 {trust.root_sha256}", err=out is None)
    click.echo(
        "Tell the administrator this hash another way than the invitation, to be compared.",
        err=out is None,
    )


def _profile(given: dict[str, object]) -> SiteProfile:
    plain = {
        "site_id": given["site_id"],
        "client_id": given["client"],
        **{name: given[name] for name in ("ring", "region", "platform", "products", "tags")},
    }
    return validated(SiteProfile, plain, strict=True)


def _check_products(store: Store, profile: SiteProfile) -> None:
    known = catalogue.products(store)
    for product in profile.products:
        if product not in known:
            raise UnknownProduct(
                f"the repository has no product {product!r}; it has: {', '.join(known) or 'none'}",
                hint="add it with 'hsp product add'",
            )


def _write(file: Path, text: str) -> None:
    try:
        write_new(file, text)
    except OSError as error:
        raise Misconfigured(
            f"{file} cannot be written: {error.strerror}; the invitation is lost",
            hint="invite the site again, into another file",
        ) from error


@site.command()
@click.argument("site_id", metavar="SITE")
@click.option("--reason", required=True, help="Why, for the record.")
@click.option("--by", default=show.whoami, help="Who says so.")
@click.pass_obj
def revoke(settings: Settings, site_id: str, reason: str, by: str) -> None:
    """Believe SITE's key no more, from its next message on; what runs there goes on running."""
    database = Database.open(settings)
    said = acting.word(database, by, Permission.SITE_REVOKE, reason)
    site_identity.revoke(database, site_id, said, utc_now())
    click.echo(f"{site_id} is revoked; only a new invitation lets a machine of that name in again")


@site.command("list")
@click.option("--client", help="Only this client's.")
@click.pass_obj
def list_sites(settings: Settings, client: str | None) -> None:
    """Every site: what it runs, whether it is online, and what it said last.

    One that gets its updates on a stick is offline until its stick is overdue, and then silent.
    """
    now = utc_now()
    online_since = now - timedelta(seconds=settings.silent_after_seconds)
    with Database.open(settings).reading() as session:
        found = site_records.page(session, online_since, client=client, after="", limit=ALL)
    show.table(
        ("site", "client", "ring", "state", "last seen", "runs", "says"),
        (_row(record, now) for record in found),
    )


def _row(record: SiteRecord, now: datetime) -> tuple[object, ...]:
    runs = ", ".join(f"{p.product} {p.version or '-'}" for p in record.products)
    says = record.hold or record.problem or "; ".join(p.reason for p in record.products if p.reason)
    is_away = record.expected_by is not None and record.expected_by >= now
    state = "online" if record.online else "offline" if is_away else "silent"
    if record.hold:
        state += ", held"
    return (
        record.site_id, record.client_id, record.ring, state, record.last_seen, runs, says,
    )  # fmt: skip


@site.command()
@click.argument("site_id", metavar="SITE")
@click.option("--limit", default=30, show_default=True, help="So many, the newest first.")
@click.pass_obj
def windows(settings: Settings, site_id: str, limit: int) -> None:
    """What came of SITE's maintenance windows: used, unused, missed, overrun."""
    with Database.open(settings).reading() as session:
        found = openings.of_site(session, site_id, limit)
    rows = ((r.starts_at, r.ends_at, r.outcome or "to come", r.detail) for r in found)
    show.table(("opened", "closed", "outcome", "what was done"), rows)


@click.command()
@click.argument("site_id", metavar="SITE")
@click.argument("product", required=False)
@click.option(
    "--language",
    type=click.Choice([language.value for language in Language]),
    help="Of the sentence to say; by default, what its client reads.",
)
@click.pass_obj
def explain(settings: Settings, site_id: str, product: str | None, language: str | None) -> None:
    """Why SITE does or does not get a release: every gate, until when, and who can lift it."""
    releases = catalogue.releases(open_store(settings), product)
    with Database.open(settings).reading() as session:
        client = explanation.known_site(session, site_id).client_id
        theirs = clients.language(session, client, settings.language)
        said = Language(language) if language else theirs
        found = explanation.explain(session, site_id, releases, utc_now(), said)
    for release in found:
        title = f"{release.product} {release.version}: {release.decision} ({release.reason})"
        rows = ((g.gate, g.answer, g.reason, g.until, g.lifted_by) for g in release.gates)
        show.table(("gate", "answer", "why", "until", "who can lift it"), rows, title)
        click.echo(f"say: {shown(release.sentence)}")
    if not found:
        click.echo(f"no release is signed for any product of {site_id}")
