"""``site.toml``: what an administrator writes, and how the program answers a mistake in it."""

import pytest

from manifests.errors import ManifestError
from manifests.site import EmergencyPolicy, InstalledProduct, Site, SitePolicy, SiteProfile

POLICY = """
[[windows]]
name = "Saturday night"
zone = "Asia/Jakarta"
starts = 2027-01-02T22:00:00     # TOML's own local time, or the same in quotes
rule = "FREQ=WEEKLY;BYDAY=SA"
duration_seconds = 14400
cutoff_seconds = 1800

[[blackouts]]
name = "year-end closing"
starts_at = 2027-12-28T00:00:00+07:00
ends_at = 2028-01-04T00:00:00+07:00

[brake]
by = "pak Budi"
at = 2027-03-02T08:00:00Z
reason = "audit this week"

[variables.kasir]
port = "8080"
"""


def test_a_policy_as_people_write_it() -> None:
    policy = SitePolicy.from_toml(f'hotfix = "ask"\n{POLICY}')
    assert policy.hotfix is EmergencyPolicy.ASK
    assert policy.windows[0].name == "Saturday night"
    assert str(policy.blackouts[0].ends_at) == "2028-01-03 17:00:00+00:00"
    assert policy.brake is not None
    assert policy.variables == {"kasir": {"port": "8080"}}


def test_quoted_and_bare_local_times_are_the_same() -> None:
    quoted = POLICY.replace("2027-01-02T22:00:00 ", '"2027-01-02T22:00" ')
    assert SitePolicy.from_toml(quoted) == SitePolicy.from_toml(POLICY)


def test_an_empty_policy_lets_hotfixes_in_and_asks_before_a_break_glass_fix() -> None:
    policy = SitePolicy.from_toml("")
    assert (policy.hotfix, policy.breakglass) == (EmergencyPolicy.IMMEDIATE, EmergencyPolicy.ASK)
    assert policy.windows == ()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("hotfix = immediate", "not valid TOML"),
        ('hotfix = "never"', "hotfix: Input should be 'immediate', 'next_window' or 'ask'"),
        ('hotfixes = "ask"', "hotfixes: unknown field"),
        (POLICY.replace("22:00:00 ", "22:00:00+07:00 "), "carries no offset; name a zone"),
        (POLICY.replace("Asia/Jakarta", "WIB"), "'WIB' is not an IANA time zone"),
        (POLICY.replace("BYDAY=SA", "BYDAY=SAT"), "is not an RRULE such as"),
        (POLICY.replace("1800", "14400"), "the cutoff leaves no time"),
        (POLICY.replace("T00:00:00+07:00\nends", "T00:00:00\nends"), "blackouts.0.starts_at"),
        (POLICY.replace('"8080"', "8080"), "variables.kasir.port: Input should be a valid string"),
        (POLICY + '[variables.kasir]\nport = "1"', "not valid TOML"),
        (POLICY.split("[[blackouts]]")[0] * 51, "at most 50 items"),
    ],
)
def test_a_mistake_is_named(text: str, complaint: str) -> None:
    with pytest.raises(ManifestError) as caught:
        SitePolicy.from_toml(text)
    assert complaint in caught.value.message


@pytest.mark.parametrize(
    "changes",
    [
        {"site_id": "RS Medika"},
        {"client_id": ""},
        {"ring": "vip"},
        {"products": ["root"]},
        {"products": ["app"] * 101},
        {"tags": ["x ray"]},
    ],
    ids=str,
)
def test_a_profile_that_is_wrong_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        SiteProfile.model_validate({"site_id": "s", "client_id": "c", **changes})


@pytest.mark.parametrize(
    "learnt", [{"version": "v1"}, {"failed": {"one": "unhealthy"}}, {"stopped": ["01"]}], ids=str
)
def test_what_a_site_remembers_names_versions_in_their_one_spelling(learnt: object) -> None:
    with pytest.raises(ValueError, match=r"is not a version|is spelled"):
        InstalledProduct.model_validate(learnt)


def test_a_product_that_a_site_never_had_is_an_empty_record() -> None:
    site = Site(SiteProfile(site_id="s", client_id="c"))
    assert site.product("app") == InstalledProduct()
