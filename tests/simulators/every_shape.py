"""Every shape of repository that the product makes: one story, in which one thing after another is
done to a repository until everything was.

Names are odd where they may be. Some keys are P-256, the server's among them in the end.
"""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from distribution.repository.online_roles import renew
from manifests.provenance import SLSA_V1
from manifests.target_paths import Lane
from signing import assignments, signers
from signing.build_policy import read_policy
from signing.signers import ED25519, P256
from tests.simulators.builder import BUILDER
from tests.simulators.estate import PASSPHRASE
from tests.simulators.shapes import History

LONG_PRODUCT = "x" * 61 + "-_"
LONG_VERSION = "9" * 64
LONG_NAME = "A..~_-" + "z" * 103
"""With these, a path of the longest lane is as long as any can be."""

LONG_PLATFORM = "p" * 34
"""With a short product and two long versions, a delta's file has as long a name as any can have."""

REASON = 'the "cafe\u0301" \\ \u65e5\u672c \U0001f512 leaks'  # an e and its accent: not NFC
FAST_FORWARD = 2**31


def an_empty_repository(history: History) -> None:
    """Officers, L3, and no product."""


def a_product_without_releases(history: History) -> None:
    history.add_product("app")


def a_release(history: History) -> None:
    history.release("1.0")


def a_plan(history: History) -> None:
    history.roll_out("1.0")


def two_products(history: History) -> None:
    history.add_product("other")
    history.release("1.0", "other")
    history.roll_out("1.0", "other")


def a_hotfix(history: History) -> None:
    history.release("1.0.post1", lane=Lane.HOTFIXES)


def a_break_glass(history: History) -> None:
    history.break_glass("1.0.post2")


def a_vendor(history: History) -> None:
    history.newcomer("acme.lena")
    history.add_product("till", ("acme.lena", "joko"), "acme")
    history.release("1.0", "till")


def two_vendors(history: History) -> None:
    history.newcomer("bolt.mia-2_b")
    history.add_product("scales", ("bolt.mia-2_b", "sari"), "bolt")
    history.release("2.0", "scales")
    history.release("2.0.post1", "scales", Lane.HOTFIXES)


def odd_names(history: History) -> None:
    """What begins and ends unusually, looks like something else, or is as long as may be."""
    for product, version, name in (
        ("0x", "0", "0"),
        ("1e3", "1.0a1.post2.dev3", "A~._-~..tar.zst"),
        ("product", "2026.11.26", "plan.json"),
        ("deltas-", "1.0rc1", "a~b.delta"),
    ):
        history.add_product(product)
        history.release(version, product, name=name)
        history.roll_out(version, product)
    history.add_product(LONG_PRODUCT)
    history.break_glass(LONG_VERSION, LONG_PRODUCT, LONG_NAME)


def documents_beside_a_release(history: History) -> None:
    """Provenance and an SBOM, which the delegation asks for."""
    key = history.newcomer("ci", P256)
    signer = signers.signer_for(history.estate.key("ci"), [key], PASSPHRASE)
    policy = read_policy([BUILDER], [SLSA_V1], [key], sbom=True)
    history.add_product("evident", policy=policy)
    history.release("1.0", "evident", builder=signer)


def a_delta(history: History) -> None:
    history.release("1.1")
    history.roll_out("1.1")
    history.delta("app", "1.0", "1.1", "any")


def a_delta_with_the_longest_name(history: History) -> None:
    history.add_product("d")
    for version in ("8" * 64, "9" * 64):
        name = f"d-{version}-{LONG_PLATFORM}.tar.zst"
        history.release(version, "d", name=name, platform=LONG_PLATFORM)
    history.delta("d", "8" * 64, "9" * 64, LONG_PLATFORM)


def everything_renewed_by_people(history: History) -> None:
    for role in ("root", "targets", "app", "hotfixes", "breakglass", "till"):
        history.renewed(role)


def everything_renewed_by_the_server(history: History) -> None:
    history.forward(timedelta(days=4))
    history.renew()


def an_approver_added(history: History) -> None:
    """With a P-256 key, who signs at once."""
    key = history.newcomer("mila", P256)
    history.give("mila", assignments.added(history.read(), key, ["app"]), *history.who["targets"])
    history.who["app"] = ("joko", "mila")
    history.release("1.2")


def an_engineer_replaced(history: History) -> None:
    """What Joko signed is signed anew."""
    key = history.newcomer("dewi")
    given = assignments.revoked(history.read(), "joko", ["app"], [key])
    history.give("dewi", given, *history.who["targets"], "mila", "dewi")
    history.who["app"] = ("mila", "dewi")


def an_officer_replaced(history: History) -> None:
    key = history.newcomer("citra", P256)
    given = assignments.revoked(history.read(), "budi", (), [key])
    history.give("citra", given, "ani", "budi", "citra")
    history.who |= {"root": ("ani", "citra"), "targets": ("ani", "citra")}


def an_l3_engineer_replaced(history: History) -> None:
    key = history.newcomer("eka")
    given = assignments.revoked(history.read(), "tono", (), [key])
    history.give("eka", given, *history.who["targets"], "wati", "eka")
    history.who |= {"hotfixes": ("wati", "eka"), "breakglass": ("eka",)}
    history.release("1.2.post1", lane=Lane.HOTFIXES)


def a_vendors_person_replaced(history: History) -> None:
    key = history.newcomer("acme.otto", P256)
    given = assignments.revoked(history.read(), "acme.lena", (), [key])
    history.give("otto", given, *history.who["targets"], "acme.otto", "joko")
    history.who["till"] = ("acme.otto", "joko")
    history.release("1.1", "till")


def the_servers_next_keys_beside_the_old_ones(history: History) -> None:
    history.rotate(history.next_keys(P256), beside=True)
    history.roll_out("1.1", reason="the next key signs")


def the_servers_next_keys_alone(history: History) -> None:
    history.rotate(history.next_keys(P256), beside=False)
    history.roll_out("1.1", reason="the old one is gone")


def a_thief_pushes_the_versions(history: History) -> None:
    """No shape of ours, but clients see it."""
    history.thief().push_versions(FAST_FORWARD)
    history.news.add("rollouts/app/plan.json")


def the_servers_stolen_keys_replaced_in_one_step(history: History) -> None:
    history.rotate(history.next_keys(ED25519), beside=False)
    history.roll_out("1.1", reason="the thief is out")


def a_release_withdrawn(history: History) -> None:
    history.withdraw("1.0", "till", REASON)


def what_is_superseded_removed(history: History) -> None:
    """Old metadata, orphans, and the artifact of the withdrawn release."""
    history.sweep(timedelta())
    history.forward(timedelta(days=5))
    renew(history.store, history.estate.online, history.house.clock.now)
    assert history.sweep(timedelta(days=3))
    assert history.sweep(timedelta(days=8))
    assert history.gone


def a_release_after_all_that(history: History) -> None:
    history.release("1.3", upgrades_from=">=1.0")
    history.roll_out("1.3")
    history.release("1.3.post1", lane=Lane.HOTFIXES)
    history.break_glass("1.3.post2")


STORY: tuple[Callable[[History], None], ...] = (
    an_empty_repository,
    a_product_without_releases,
    a_release,
    a_plan,
    two_products,
    a_hotfix,
    a_break_glass,
    a_vendor,
    two_vendors,
    odd_names,
    documents_beside_a_release,
    a_delta,
    a_delta_with_the_longest_name,
    everything_renewed_by_people,
    everything_renewed_by_the_server,
    an_approver_added,
    an_engineer_replaced,
    an_officer_replaced,
    an_l3_engineer_replaced,
    a_vendors_person_replaced,
    the_servers_next_keys_beside_the_old_ones,
    the_servers_next_keys_alone,
    a_thief_pushes_the_versions,
    the_servers_stolen_keys_replaced_in_one_step,
    a_release_withdrawn,
    what_is_superseded_removed,
    a_release_after_all_that,
)
NAMES = tuple(step.__name__ for step in STORY)


def told(folder: Path) -> History:
    """The whole story, kept after each step."""
    history = History(folder)
    for step in STORY:
        step(history)
        history.keep(step.__name__)
    return history
