"""What an operator can set: ``hsp.toml`` in the server's home; ``HSP_*`` variables win over it."""

import os
import tomllib
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from distribution.errors import Misconfigured
from manifests.check_in import HttpUrl

DEFAULT_HOME = Path("hsp-home")
SETTINGS_FILE = "hsp.toml"
_PREFIX = "HSP_"

Seconds = Annotated[float, Field(gt=0, le=31 * 24 * 3600)]


class Settings(BaseSettings):
    """All settings of one server, read once at its start and handed on."""

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(
        env_prefix=_PREFIX, extra="forbid", frozen=True
    )

    home: Path = DEFAULT_HOME
    database_url: str = ""
    """Empty: SQLite in the home."""
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
    public_url: HttpUrl = "http://127.0.0.1:8700"
    """Where sites reach the API."""
    public_metadata_url: HttpUrl | Literal[""] = ""
    """Where sites read metadata; empty: from this server."""
    public_targets_url: HttpUrl | Literal[""] = ""
    """Where sites read targets; empty: from this server."""
    listen_host: str = "127.0.0.1"
    listen_port: Annotated[int, Field(ge=0, le=65535)] = 8700
    poll_seconds: Annotated[int, Field(ge=1, le=86_400)] = 300
    """How often a site should ask."""
    scheduler_seconds: Seconds = 10
    lease_seconds: Seconds = 60
    """Another scheduler takes over when the leading one was not heard of for so long."""
    approvers: str = ""
    """Who may lift what others put on; names with spaces between, until logins have roles."""
    silent_after_seconds: Seconds = 3600
    """A site that was not heard of for so long is silent."""
    lost_contact_seconds: Seconds = 7200
    """An attempt that has not moved for so long has lost contact."""

    retention_seconds: Annotated[float, Field(ge=3600, le=366 * 24 * 3600)] = 7 * 24 * 3600
    """A file of the repository is removed when nothing has led to it for so long."""

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
