"""How a site joins: the invitation, a root whose hash a person compares, a key, one message.

The record of the enrolment is written last. Until then the site has not joined: a run that was
cut off is run again with the same key, and one that the server refuses leaves nothing behind.
"""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root

from client_updater import durable
from client_updater.errors import (
    AgentError,
    NotEnrolled,
    Refused,
    TrustLost,
    Unreachable,
    UntrustedMetadata,
)
from client_updater.fetcher import Fetcher, refusal
from client_updater.floor import Floor, FloorFile
from client_updater.identity import KEY_FILE, SiteKey, make_key
from client_updater.server import Rejected, Server
from client_updater.settings import (
    DEFAULT_POLICY,
    ENROLMENT_FILE,
    POLICY_FILE,
    AgentSettings,
    Enrolment,
    read_enrolment,
)
from client_updater.state import StateFolder
from manifests.check_in import Enrolment as Request
from manifests.check_in import EnrolmentAnswer, Invitation
from manifests.errors import ManifestError
from manifests.site import SitePolicy

MAX_ROOT_BYTES = 512_000
MAX_INVITATION_BYTES = 64 * 1024

Confirm = Callable[[str], bool]
"""Shows a fingerprint in groups; says whether the administrator found it to be right."""


@dataclass
class Newcomer:
    """A site that is about to join; or, ``again``, to trust another root than until now.

    Joining again keeps the site's key, its policy, and what it knows of releases: which one was
    confirmed, which was stopped. Only what it has seen of the repository's metadata begins anew.
    """

    state: StateFolder
    invitation: Invitation
    policy_text: str = DEFAULT_POLICY
    again: bool = False

    def join(self, confirm: Confirm, now: datetime) -> Enrolment:
        """Join, from the fingerprint to the record of it.

        Raises:
            Refused: already enrolled, too late, or the fingerprint was not confirmed.
            UntrustedMetadata: the root is not the one of the invitation.
            NotEnrolled: the server does not take the invitation; nothing is left behind.
            Unreachable: somebody does not answer; run the same command again.
        """
        self._check(now)
        if not confirm(in_groups(self.invitation.root_sha256)):
            raise Refused(
                "the root's fingerprint was not confirmed, so this site has not joined",
                hint="compare it with the one your provider gave you on another way",
            )
        self._made_here = not self.state.is_there
        self.state.make()
        with self.state.as_the_agent(), self.state.at_work():
            fetcher = Fetcher(AgentSettings.read(self.state).line)
            root = self._fetch_root(fetcher)
            key = make_key(self.state / KEY_FILE)
            answer = self._ask(fetcher, key)
            return self._settle(root, answer, now)

    def _check(self, now: datetime) -> None:
        SitePolicy.from_toml(self.policy_text).check_opens(now)
        if self.again:
            self._check_same_site()
        elif (self.state / ENROLMENT_FILE).exists():
            raise Refused(
                f"{self.state.path} belongs to a site already",
                hint="use another --state folder for another site; if your provider asks this one "
                "to trust a new root: --again",
            )
        if now >= self.invitation.expires_at:
            raise Refused(
                f"the invitation expired on {self.invitation.expires_at:%Y-%m-%d %H:%M} UTC",
                hint="ask your provider for a new one",
            )

    def _check_same_site(self) -> None:
        before = read_enrolment(self.state).profile.site_id
        if self.invitation.profile.site_id != before:
            raise Refused(
                f"this is {before}, and the invitation is for {self.invitation.profile.site_id}",
                hint="ask your provider for an invitation for this site",
            )

    def _fetch_root(self, fetcher: Fetcher) -> bytes:
        """The root that the invitation names, by its hash and not by who serves it."""
        wanted = self.invitation
        url = f"{wanted.metadata_url.rstrip('/')}/{wanted.root_version}.root.json"
        answer = fetcher.get(url, MAX_ROOT_BYTES)
        if answer.status != 200:
            raise refusal(url, answer)
        found = hashlib.sha256(answer.body).hexdigest()
        if found != wanted.root_sha256:
            raise UntrustedMetadata(
                f"{url} has sha256 {found}, the invitation says {wanted.root_sha256}",
                hint="do not join; tell your provider",
            )
        _check_root(answer.body, wanted.root_version)
        return answer.body

    def _ask(self, fetcher: Fetcher, key: SiteKey) -> EnrolmentAnswer:
        invitation = self.invitation
        site_id = invitation.profile.site_id
        server = Server(fetcher, invitation.server_url.rstrip("/"), key)
        request = Request(token=invitation.token, public_key=key.public_hex, site_id=site_id)
        try:
            answer = server.enrol(request)
        except (NotEnrolled, Rejected) as error:
            self._leave_nothing()
            raise NotEnrolled(error.message, hint="ask your provider for a new one") from error
        except Unreachable as error:
            error.hint = "run the same command again: the site keeps its key"
            raise
        if answer.site_id != site_id:
            raise Unreachable(f"the server enrolled {answer.site_id}, asked was {site_id}")
        return answer

    def _settle(self, root: bytes, answer: EnrolmentAnswer, now: datetime) -> Enrolment:
        invitation = self.invitation
        durable.write(self.state / "trust/root.json", root)
        self._begin_floor()
        if not self.again:
            durable.write(self.state / POLICY_FILE, self.policy_text.encode("utf-8"))
        enrolment = Enrolment(
            profile=invitation.profile,
            server_url=invitation.server_url,
            metadata_url=invitation.metadata_url,
            targets_url=invitation.targets_url,
            root_version=invitation.root_version,
            root_sha256=invitation.root_sha256,
            poll_seconds=answer.poll_seconds,
            enrolled_at=now,
        )
        durable.write(self.state / ENROLMENT_FILE, enrolment.to_bytes())
        return enrolment

    def _begin_floor(self) -> None:
        floors, before = FloorFile(self.state / "trust"), Floor()
        if self.again:
            for cached in (self.state / "metadata").iterdir():
                durable.remove(cached)
            with suppress(TrustLost):
                before = floors.load()
        kept = {"releases", "stopped", "proven_time", "report_sequence"}
        floors.save(Floor(**{name: getattr(before, name) for name in kept}))
        self.state.make()

    def _leave_nothing(self) -> None:
        if self.again:
            return
        with suppress(AgentError):
            durable.remove(self.state.path if self._made_here else self.state / KEY_FILE)


def _check_root(data: bytes, version: int) -> None:
    try:
        metadata = Metadata[Root].from_bytes(data)
        metadata.signed.verify_delegate(Root.type, metadata.signed_bytes, metadata.signatures)
    except (RepositoryError, ValueError, AttributeError) as error:
        raise UntrustedMetadata(f"the root does not verify: {error}") from error
    if metadata.signed.version != version:
        raise UntrustedMetadata(f"root {version} says that it is {metadata.signed.version}")


def read_invitation(text_or_path: str) -> Invitation:
    """An invitation, given as its one line or as the name of a file that holds it.

    Raises:
        Refused: a file that cannot be read.
        ManifestError: not an invitation.
    """
    try:
        return Invitation.from_text(text_or_path)
    except ManifestError:
        path = Path(text_or_path)
        if not _is_file(path):
            raise
    try:
        with open(path, encoding="utf-8") as file:
            return Invitation.from_text(file.read(MAX_INVITATION_BYTES))
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"the invitation {path} cannot be read: {error}") from error


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a line that is too long for a file's name
        return False


def in_groups(fingerprint: str) -> str:
    """64 hex digits as people compare them: groups of four, eight to a line."""
    groups = [fingerprint[at : at + 4] for at in range(0, len(fingerprint), 4)]
    lines = [" ".join(groups[at : at + 8]) for at in range(0, len(groups), 8)]
    return "\n".join(lines)


def same_fingerprint(given: str, wanted: str) -> bool:
    """Whether what a person typed, in groups or not, is the fingerprint."""
    return "".join(given.split()).lower().removeprefix("sha256:") == wanted
