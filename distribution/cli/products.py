"""``hsp product``: the products that the repository distributes, and what their builds must be."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from distribution import home
from distribution.cli.drafts import draft_option, new_draft, out_option
from distribution.repository.bucket import open_store
from distribution.repository.store_errors import in_server_words
from distribution.settings import Settings
from manifests.provenance import SLSA_V1
from signing import propose
from signing.build_policy import BuildPolicy, policy_of, read_policy
from signing.cli import show_proposal
from signing.roles import products, rules, signatories, vendor_of
from signing.signers import read_public
from signing.update_repository import Repository
from signing.wording import people_of

_keys: dict[str, Any] = {"type": click.Path(path_type=Path, dir_okay=False), "multiple": True}

_BUILD_OPTIONS = (
    click.option(
        "--require-builder", "builders", multiple=True, metavar="URI", help="Only built by this."
    ),
    click.option(
        "--require-predicate",
        "predicates",
        multiple=True,
        metavar="TYPE",
        help=f"The statement's type (with a builder or its key: {SLSA_V1}).",
    ),
    click.option("--builder-key", "builder_keys", help="A .pub that signs the statement.", **_keys),
    click.option("--require-sbom", "sbom", is_flag=True, help="A CycloneDX SBOM."),
)


def _build_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(_BUILD_OPTIONS):
        command = option(command)
    return command


def register(program: click.Group) -> None:
    """Add these commands to ``hsp``."""
    program.add_command(product)


@click.group()
def product() -> None:
    """The products that this repository distributes."""


@product.command(name="add")
@click.argument("name")
@click.option("--author", "authors", required=True, help="The author's .pub.", **_keys)
@click.option("--approver", "approvers", required=True, help="The approver's .pub.", **_keys)
@out_option
@click.option("--threshold", type=click.IntRange(1, 10), help="How many people must sign.")
@click.option("--vendor", default="", help="The vendor whose people sign it together with ours.")
@_build_options
@draft_option
@click.pass_obj
def add(
    settings: Settings,
    /,
    name: str,
    authors: tuple[Path, ...],
    approvers: tuple[Path, ...],
    out: Path | None,
    threshold: int | None,
    vendor: str,
    by: str,
    **build: Any,
) -> None:
    """Propose the product NAME; the officers sign it.

    A vendor's people are those with its name before a dot in theirs, such as acme.lena.
    """
    people = [read_public(file) for file in (*authors, *approvers)]
    online = home.online_public_keys(settings)["rollouts"]
    table = rules({"product": threshold} if threshold else None)
    policy = _policy(**build)
    with in_server_words():
        draft = new_draft(settings, out, f"product-{name}", by)
        repository = Repository.read(open_store(settings))
        show_proposal(
            propose.product(repository, name, people, online, draft, table, vendor, policy)
        )


@product.command()
@click.argument("name")
@_build_options
@click.option("--nothing", is_flag=True, help="Ask for nothing any more.")
@out_option
@draft_option
@click.pass_obj
def require(
    settings: Settings, /, name: str, *, nothing: bool, out: Path | None, by: str, **build: Any
) -> None:
    """Propose what every release of NAME must carry, in the place of what was asked before."""
    policy = _policy(**build)
    if nothing == any(policy.words()):
        raise click.UsageError("say what releases must carry, or --nothing")
    with in_server_words():
        draft = new_draft(settings, out, f"require-{name}", by)
        show_proposal(propose.builds(Repository.read(open_store(settings)), name, policy, draft))


@product.command(name="list")
@click.pass_obj
def list_products(settings: Settings) -> None:
    """Every product: whose it is, who signs it, and what its releases must carry."""
    with in_server_words():
        targets = Repository.read(open_store(settings)).targets
    for name in products(targets):
        vendor = vendor_of(targets, name)
        whose = f" of the vendor {vendor}" if vendor else ""
        click.echo(f"{name}{whose}: {people_of(signatories(targets, name))}")
        for words in policy_of(targets, name).words():
            click.echo(f"  must carry {words}")


def _policy(
    builders: tuple[str, ...],
    predicates: tuple[str, ...],
    builder_keys: tuple[Path, ...],
    *,
    sbom: bool,
) -> BuildPolicy:
    if (builders or builder_keys) and not predicates:
        predicates = (SLSA_V1,)
    return read_policy(
        builders, predicates, [read_public(file) for file in builder_keys], sbom=sbom
    )
