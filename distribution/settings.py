"""What an operator can set: ``hsp.toml`` in the server's home; ``HSP_*`` variables win over it."""

import os
import tomllib
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from distribution.errors import Misconfigured
from distribution.languages import Language
from distribution.people.roles import Role
from manifests.check_in import HttpUrl

DEFAULT_HOME = Path("hsp-home")
SETTINGS_FILE = "hsp.toml"
_PREFIX = "HSP_"

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
"""This machine, as it calls itself."""

Seconds = Annotated[float, Field(gt=0, le=31 * 24 * 3600)]


class LogFormat(StrEnum):
    """For whom the lines on standard error are."""

    TEXT = "text"
    JSON = "json"


class Settings(BaseSettings):
    """All settings of one server, read once at its start and handed on."""

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(
        env_prefix=_PREFIX, extra="forbid", frozen=True
    )

    home: Path = DEFAULT_HOME
    database_url: str = ""
    """Empty: SQLite in the home. ``postgresql://user@host/database``: PostgreSQL."""
    database_connections: Annotated[int, Field(ge=4, le=1000)] = 16
    """To PostgreSQL, at once, of each process."""
    store_url: str = ""
    """Empty: a directory in the home. ``s3://bucket/prefix``: S3."""
    s3_endpoint_url: str = ""
    """Empty: AWS's own."""
    snapshot_key: str = ""
    """Where this online key lives, as docs/keys.md names places; empty: a file in the home."""
    timestamp_key: str = ""
    """The same."""
    rollouts_key: str = ""
    """The same."""
    next_snapshot_key: str = ""
    """Where the key lives that takes its place in a rotation; empty: a file in the home."""
    next_timestamp_key: str = ""
    """The same."""
    next_rollouts_key: str = ""
    """The same."""
    audit_key: str = ""
    """Where the key lives that signs the audit log's checkpoints; empty: a file in the home."""
    public_url: HttpUrl = "http://127.0.0.1:8700"
    """Where sites reach the API."""
    public_metadata_url: HttpUrl | Literal[""] = ""
    """Where sites read metadata; empty: from this server."""
    public_targets_url: HttpUrl | Literal[""] = ""
    """Where sites read targets; empty: from this server."""
    listen_host: str = "127.0.0.1"
    listen_port: Annotated[int, Field(ge=0, le=65535)] = 8700
    drain_seconds: Annotated[float, Field(ge=0, le=600)] = 0
    """After SIGTERM, ``/readyz`` says no for so long before the server stops to listen: longer than
    a load balancer needs to find out."""
    log_format: LogFormat = LogFormat.TEXT
    tracing_url: HttpUrl | Literal[""] = ""
    """A collector of OpenTelemetry (OTLP over HTTP); empty: no traces. Needs the extra
    ``tracing``."""
    api_only: bool = False
    """``hsp serve`` without a scheduler and without any online key: it signs nothing. What people
    decide is published by the next turn of an ``hsp schedule`` beside it."""
    poll_seconds: Annotated[int, Field(ge=1, le=86_400)] = 300
    """How often a site should ask."""
    scheduler_seconds: Seconds = 10
    lease_seconds: Seconds = 60
    """Another scheduler takes over when the leading one was not heard of for so long."""
    silent_after_seconds: Seconds = 3600
    """A site that was not heard of for so long is silent."""
    lost_contact_seconds: Seconds = 7200
    """An attempt that has not moved for so long has lost contact."""

    audit_checkpoint_records: Annotated[int, Field(ge=1, le=1_000_000)] = 1000
    """The audit log gets a checkpoint after so many new records."""
    audit_checkpoint_seconds: Seconds = 300
    """The same after this time, if there is a new record."""
    audit_store_url: str = ""
    """Where checkpoints lie, as ``store_url`` says it; empty: beside the repository."""
    audit_lock_days: Annotated[int, Field(ge=0, le=36_500)] = 0
    """So long nobody can remove a checkpoint: S3's object lock, in a bucket that was made with it.
    0: without."""

    language: Language = Language.ENGLISH
    """What clients read for whom nobody has chosen another."""

    retention_seconds: Annotated[float, Field(ge=3600, le=366 * 24 * 3600)] = 7 * 24 * 3600
    """A file of the repository is removed when nothing has led to it for so long."""

    allowed_hosts: str = ""
    """Further names under which people and sites reach this server, with spaces between; those of
    the public URLs and of this machine's loopback are allowed anyway."""
    check_in_burst: Annotated[int, Field(ge=2, le=10_000)] = 10
    """So many check-ins a site may send at once; one more comes free in a tenth of
    ``poll_seconds``."""
    reports_per_minute: Annotated[int, Field(ge=1, le=100_000)] = 60
    """Of one site."""
    enrolments_per_minute: Annotated[int, Field(ge=1, le=100_000)] = 100
    """Of all sites together."""
    enrolments_per_address: Annotated[int, Field(ge=1, le=100_000)] = 5
    """Each minute, from one address that is not this machine's own."""
    logins_per_minute: Annotated[int, Field(ge=1, le=1000)] = 5
    """Tries with one name."""
    requests_per_minute: Annotated[int, Field(ge=10, le=1_000_000)] = 1200
    """Of one person."""

    smtp_host: str = ""
    """The mail server that takes our notifications; empty: none are sent by mail."""
    smtp_port: Annotated[int, Field(ge=0, le=65535)] = 0
    """0: the usual one, 587, 465 or 25."""
    smtp_security: Literal["none", "starttls", "tls"] = "starttls"
    """Certificates are verified; ``none`` is for a mail server on this machine."""
    smtp_username: str = ""
    """Empty: without logging in."""
    smtp_password_file: str = ""
    """A file with the password; it is in no setting."""
    smtp_from: Annotated[str, Field(pattern=r"^[^@\s<>,;:]+@[A-Za-z0-9.-]+$")] = "hsp@localhost"
    """From whom notifications come."""
    secrets_key: str = ""
    """Where the key is that seals channels' secrets, the same one on all servers: ``file:/PATH`` or
    ``env:NAME``. Empty: the secrets are files in the home, for servers of one machine."""
    client_webhook_networks: str = ""
    """Private networks that clients' webhooks may lead into all the same, with spaces between:
    ``10.20.0.0/16``. Empty: none."""

    oidc_issuer: str = ""
    """The OpenID provider, exactly as it names itself; empty: local accounts only."""
    oidc_client_id: str = ""
    oidc_client_secret_file: str = ""
    """A file with the secret that the provider gave us; it is in no setting."""
    oidc_scopes: str = "openid profile groups"
    oidc_name_claim: str = "preferred_username"
    """The claim with the name that a person has here and signs with."""
    oidc_groups_claim: str = "groups"
    oidc_roles: dict[str, Role] = {}
    """Which of the provider's groups is which role."""

    @classmethod
    def load(cls, home: Path) -> Self:
        """The settings of the server whose home is ``home``, which need not exist yet.

        Raises:
            Misconfigured: the file is not TOML, or a name or a value is wrong.
        """
        written = _read(home / SETTINGS_FILE)
        environment = {name for name in cls.model_fields if _PREFIX + name.upper() in os.environ}
        kept = {name: value for name, value in written.items() if name not in environment}
        try:
            return cls(**{**kept, "home": home})
        except ValidationError as error:
            hint = f"mend {home / SETTINGS_FILE} or the environment's {_PREFIX}* variables"
            raise Misconfigured(f"settings: {_in_words(error)}", hint=hint) from error

    @property
    def metadata_url(self) -> str:
        """Where sites read metadata."""
        return self.public_metadata_url or f"{self.public_url.rstrip('/')}/repository/metadata"

    @property
    def targets_url(self) -> str:
        """Where sites read targets."""
        return self.public_targets_url or f"{self.public_url.rstrip('/')}/repository/targets"

    @property
    def hosts(self) -> frozenset[str]:
        """The names under which this server answers, in small letters and without ports."""
        urls = (self.public_url, self.public_metadata_url, self.public_targets_url)
        ours = {urlsplit(url).hostname or "" for url in urls} - {""}
        return frozenset({*ours, *LOOPBACK, *self.allowed_hosts.lower().split()})

    @property
    def repository_folder(self) -> Path:
        """The directory store."""
        return self.home / "repository"

    @property
    def online_keys_folder(self) -> Path:
        """The private keys of snapshot, timestamp and rollouts."""
        return self.home / "keys" / "online"

    @property
    def online_key_places(self) -> dict[str, str]:
        """Where those online keys live that are no files in the home, by their names."""
        return self._places(self.snapshot_key, self.timestamp_key, self.rollouts_key)

    @property
    def next_online_key_places(self) -> dict[str, str]:
        """The same of the keys that come next."""
        return self._places(self.next_snapshot_key, self.next_timestamp_key, self.next_rollouts_key)

    @staticmethod
    def _places(*places: str) -> dict[str, str]:
        named = zip(("snapshot", "timestamp", "rollouts"), places, strict=True)
        return {name: place for name, place in named if place}

    @property
    def audit_keys_folder(self) -> Path:
        """The audit log's key, and the public halves of those before it."""
        return self.home / "keys" / "audit"

    @property
    def staff_token_file(self) -> Path:
        """Where ``hsp init`` leaves the first staff token."""
        return self.home / "staff.token"


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{file} is not valid TOML: {error}") from error
    except OSError as error:
        raise Misconfigured(f"{file} cannot be read: {error.strerror}") from error


def _in_words(error: ValidationError) -> str:
    problems = (
        f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
        for problem in error.errors(include_url=False)
    )
    return "; ".join(problems)
