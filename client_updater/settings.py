"""What the site's people set, and what enrolment fixed.

``enrolment.json`` is written last of all when a site joins, so a folder that has one is enrolled.
``site.toml`` is the administrator's policy, read again at every poll. ``agent.toml`` says how the
agent reaches the outside; all of it is optional.
"""

from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field

from client_updater import durable
from client_updater.errors import NotEnrolled, PolicyInvalid, StateUnusable
from client_updater.line_settings import LineSettings
from client_updater.state import StateFolder, read_private
from manifests.check_in import HttpUrl
from manifests.documents import Document, UtcDatetime, parse_toml
from manifests.errors import ManifestError
from manifests.file_list import Sha256
from manifests.install import AbsoluteFolder
from manifests.site import SitePolicy, SiteProfile

POLICY_FILE = "site.toml"
SETTINGS_FILE = "agent.toml"
ENROLMENT_FILE = "enrolment.json"
_LAST_POLICY = "policy.json"
_MAX_TOML_BYTES = 1024 * 1024

DEFAULT_POLICY = """\
# What the administrator of this site allows. The agent reads it again at every poll; while it has
# a mistake, nothing is installed.
format = 1
# What a hotfix may do outside of the windows: "immediate", "next_window" or "ask".
hotfix = "immediate"
breakglass = "ask"
# The most of the line that a download may take.
# download_bytes_per_second = 1000000
# Without a window, this site may be changed at any time.
# [[windows]]
# zone = "Asia/Jakarta"
# starts = "2027-01-02T01:00"
# rule = "FREQ=WEEKLY;BYDAY=SA"
# duration_seconds = 7200
"""

Seconds = Annotated[float, Field(gt=0, le=7 * 24 * 3600)]


class Enrolment(Document):
    """Which site this is, where it asks, and the root it pinned; fixed when it joined."""

    profile: SiteProfile
    server_url: HttpUrl
    metadata_url: HttpUrl
    targets_url: HttpUrl
    root_version: Annotated[int, Field(ge=1)]
    root_sha256: Sha256
    poll_seconds: Annotated[int, Field(ge=1, le=86_400)]
    enrolled_at: UtcDatetime


class AgentSettings(Document):
    """How the agent works on this machine, and reaches the outside world: ``agent.toml``."""

    proxy: HttpUrl | None = None
    """An HTTP proxy for everything that leaves the site."""
    ca_file: Annotated[str, Field(max_length=4096)] | None = None
    """Certificates to trust instead of the system's."""
    server_url: HttpUrl | None = None
    metadata_url: HttpUrl | None = None
    targets_url: HttpUrl | None = None
    connect_seconds: Seconds = LineSettings.connect_seconds
    read_seconds: Seconds = LineSettings.read_seconds
    request_seconds: Seconds = LineSettings.request_seconds
    """A whole exchange of metadata or messages, however it trickles."""
    download_seconds: Seconds = LineSettings.download_seconds
    """A whole artifact."""
    minimum_bytes_per_second: Annotated[int, Field(ge=0)] = LineSettings.minimum_bytes_per_second
    rate_window_seconds: Seconds = LineSettings.rate_window_seconds
    """A transfer slower than the minimum over this long is given up."""
    tries: Annotated[int, Field(ge=1, le=10)] = LineSettings.tries
    dpkg_root: AbsoluteFolder | None = None
    """Where Debian packages go, as ``dpkg --root`` means it; this system unless said otherwise."""
    linger_seconds: Annotated[float, Field(ge=0, le=24 * 3600)] = 60
    """So long after the last news the large process of ``run`` goes on, if it polls that often: a
    start of it is half a second of a processor. 0 gives its memory back at once."""

    @classmethod
    def read(cls, state: StateFolder) -> Self:
        """The settings of this folder, or the defaults.

        Raises:
            PolicyInvalid: not TOML, a wrong name or a wrong value.
        """
        try:
            return cls.from_plain(_toml(state, SETTINGS_FILE))
        except FileNotFoundError:
            return cls()
        except ManifestError as error:
            raise PolicyInvalid(f"{state / SETTINGS_FILE}: {error.message}") from error

    @property
    def dpkg_folder(self) -> Path | None:
        """Another system than this one for Debian packages."""
        return Path(self.dpkg_root) if self.dpkg_root else None

    @property
    def line(self) -> LineSettings:
        """What of it a fetcher needs."""
        return LineSettings(
            **{each.name: getattr(self, each.name) for each in fields(LineSettings)}
        )

    def urls(self, enrolment: Enrolment) -> tuple[str, str, str]:
        """Server, metadata and targets: what enrolment fixed, unless moved by hand."""
        return (
            (self.server_url or enrolment.server_url).rstrip("/"),
            (self.metadata_url or enrolment.metadata_url).rstrip("/") + "/",
            (self.targets_url or enrolment.targets_url).rstrip("/") + "/",
        )


def read_enrolment(state: StateFolder) -> Enrolment:
    """Who this site is.

    Raises:
        NotEnrolled: it has not joined.
        StateUnusable: the folder or the record cannot be trusted.
    """
    state.check()
    try:
        return Enrolment.from_bytes(read_private(state / ENROLMENT_FILE))
    except FileNotFoundError as error:
        raise NotEnrolled(
            f"{state.path} belongs to no site yet",
            hint="ask your provider for an invitation, then: hsp-updater enroll INVITATION",
        ) from error
    except ManifestError as error:
        raise StateUnusable(f"{state / ENROLMENT_FILE} is damaged: {error.message}") from error


def read_policy(state: StateFolder, now: datetime) -> SitePolicy:
    """The administrator's policy; the last valid one is kept beside it.

    Raises:
        PolicyInvalid: missing, not TOML, a field is wrong or unknown, or a window that was written
            since the last poll never opens.
    """
    path = state / POLICY_FILE
    try:
        policy = SitePolicy.from_plain(_toml(state, POLICY_FILE))
        if policy != last_policy(state):
            policy.check_opens(now)
    except FileNotFoundError as error:
        raise PolicyInvalid(f"{path} is missing", hint="restore it from your backup") from error
    except ManifestError as error:
        raise PolicyInvalid(f"{path}: {error.message}", hint=f"correct {path}") from error
    _keep(state, policy)
    return policy


def last_policy(state: StateFolder) -> SitePolicy:
    """The newest policy that was valid, so that programs go on with their values."""
    try:
        return SitePolicy.from_bytes(read_private(state / _LAST_POLICY))
    except (FileNotFoundError, ManifestError, StateUnusable):
        return SitePolicy()


def _keep(state: StateFolder, policy: SitePolicy) -> None:
    if policy != last_policy(state):
        durable.write(state / _LAST_POLICY, policy.to_bytes())


def _toml(state: StateFolder, name: str) -> Any:
    try:
        text = read_private(state / name, _MAX_TOML_BYTES).decode("utf-8")
    except UnicodeDecodeError as error:
        raise ManifestError(f"it is not text in UTF-8: {error}") from error
    except StateUnusable as error:
        raise ManifestError(error.message) from error
    return parse_toml(text, "it")
