"""What a plan is reckoned from: measured unit costs, a price list, and the fleet."""

import tomllib
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from distribution.errors import Invalid

COSTS_FILE = "unit_costs.json"
PRICES_FILE = "prices.toml"

Amount = Annotated[float, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]


class _Read(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class UnitCosts(BaseModel):
    """What one event of one site costs; see ``tests/benchmarks/unit_costs.py``, which measures it.

    Bytes go up and down together. Seconds are of a processor.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    measured_at: str
    machine: str
    noop_poll_requests: Positive
    noop_poll_bytes: Positive
    change_poll_requests: Positive
    change_poll_bytes: Positive
    check_ins_per_poll: Positive
    check_in_bytes: Positive
    report_bytes: Positive
    reports_per_install: Positive
    install_requests: Positive
    install_bytes: Positive
    delta_share: Annotated[float, Field(gt=0, le=2)] = 0.3
    check_in_cpu_seconds: Positive
    check_in_database_cpu_seconds: Positive
    changed_check_in_cpu_seconds: Positive
    """Of one that says something new, which goes the whole way."""
    changed_check_in_database_cpu_seconds: Positive
    """The same of the database."""
    remembered_site_bytes: Positive
    """In each process of a server."""
    report_cpu_seconds: Positive
    report_database_cpu_seconds: Positive
    report_database_bytes: Positive
    site_database_bytes: Positive


class Store(_Read):
    """Objects and requests."""

    gb_month: Amount
    get_per_1000: Amount
    put_per_1000: Amount


class Tier(_Read):
    """A price up to an amount."""

    up_to_tb: Positive
    gb: Amount


class Cdn(_Read):
    """What sites read through."""

    requests_per_10000: Amount
    tiers: Annotated[tuple[Tier, ...], Field(min_length=1)]


class LoadBalancer(_Read):
    """In front of the API."""

    hour: Amount
    unit_hour: Amount
    unit_new_connections_per_second: Positive
    unit_connections: Positive
    unit_gb_per_hour: Positive
    out_gb: Amount


class Machines(_Read):
    """That run ``hsp serve``."""

    processor_hour: Amount
    gb_hour: Amount


class DatabasePrices(_Read):
    """PostgreSQL, twice."""

    processor_hour: Amount
    gb_month: Amount
    sizes: Annotated[tuple[int, ...], Field(min_length=1)]
    most_gb: Positive


class Keys(_Read):
    """That sign online."""

    key_month: Amount
    sign_per_10000: Amount


class Prices(_Read):
    """A whole list, of one place and day."""

    source: str
    read_at: str
    currency: Annotated[str, Field(max_length=4)]
    store: Store
    cdn: Cdn
    load_balancer: LoadBalancer
    machines: Machines
    database: DatabasePrices
    keys: Keys


@dataclass(frozen=True)
class Fleet:
    """What is to be carried, with one product at each site.

    Attributes:
        poll_seconds: how often a site asks, at the longest.
        installs_a_month: of each site.
        artifact_mb: of a release, compressed.
        deltas: the share of installs that fetch a delta.
        changes_a_day: how often a plan, a release or a freeze changes what sites read.
        months_kept: the database is to have room for the reports of so many months.
        repository_gb: in the store.
    """

    sites: int
    poll_seconds: int = 300
    installs_a_month: float = 2
    artifact_mb: float = 50
    deltas: float = 0.9
    changes_a_day: float = 24
    months_kept: int = 12
    repository_gb: float = 100


def unit_costs() -> UnitCosts:
    """As they were measured for this release."""
    return UnitCosts.model_validate_json(
        files("distribution.capacity").joinpath(COSTS_FILE).read_bytes()
    )


def prices(path: Path | None = None) -> Prices:
    """A price list; the one that comes with this release if none is named.

    Raises:
        Invalid: it cannot be read, or something is missing or wrong in it.
    """
    try:
        ours = files("distribution.capacity").joinpath(PRICES_FILE)
        text = path.read_text("utf-8") if path else ours.read_text("utf-8")
        return Prices.model_validate(tomllib.loads(text))
    except OSError as error:
        raise Invalid(f"{path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Invalid(f"{path} is not TOML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        hint = "copy distribution/capacity/prices.toml and change its numbers"
        raise Invalid(f"{path}: {where}: {first['msg']}", hint=hint) from error
