"""A new key for the site, in place of one that is old: said with the old one, proved by the new.

The new key lies beside the old one until the server has answered for one of them. Where a crash or
a lost answer leaves both, the same question is asked again before anything else is said: the server
knows whether it has answered it already. So whatever the moment, one of the two keys speaks for the
site.
"""

import logging
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from client_updater import durable
from client_updater.agent import Agent
from client_updater.errors import Unreachable
from client_updater.identity import KEY_FILE, SiteKey, make_key
from client_updater.outbox import Sealed
from client_updater.server import Rejected
from client_updater.step_book import Answered, StepBook
from manifests.envelope import peek, seal
from manifests.errors import ManifestError
from manifests.install_report import REPORT_TYPE
from manifests.key_rotation import POSSESSION_TYPE, KeyPossession, KeyRotation
from manifests.remote_steps import STEP_RESULT_TYPE

NEXT_KEY_FILE = "site.key.next"

log = logging.getLogger("hsp-updater")


@dataclass
class KeyChange:
    """The change of one site's key."""

    agent: Agent
    is_refused: bool = False
    """Somebody said no to the new key just now. That may have been a proxy, and the server may have
    said yes before: so both keys stay until the old one has been answered."""

    @property
    def is_open(self) -> bool:
        """Whether a new key waits for the server's answer: until then the site says nothing."""
        return (self.agent.state / NEXT_KEY_FILE).exists()

    def check_settled(self) -> None:
        """Before anything is said.

        Raises:
            Unreachable: there are two keys, and only the server knows which one it believes.
        """
        if self.is_open and not self.is_refused:
            raise Unreachable("the server has not answered for this site's new key yet")

    def change_if_due(self, days: int) -> None:
        """A new key where the present one is older than that, or a change is open; 0: never.

        Raises:
            see ``change``.
        """
        if self.is_open or (days > 0 and self._age() > timedelta(days=days)):
            try:
                self.change()
            except Rejected as error:
                log.warning("the server takes no new key: %s", error)

    def old_key_was_answered(self) -> None:
        """The server has just answered a message of the old key: the refused one is nobody's."""
        if self.is_refused:
            durable.unlink_durably(self.agent.state / NEXT_KEY_FILE)

    def _age(self) -> timedelta:
        with suppress(FileNotFoundError):  # lost under a running agent: nothing to go by
            made = (self.agent.state / KEY_FILE).stat().st_mtime
            return self.agent.clock() - datetime.fromtimestamp(made, UTC)
        return timedelta()

    def change(self) -> SiteKey:
        """Ask the server to believe a new key from now on, and use it; or end one that is open.

        Raises:
            Rejected: it does not take it: then the old key stays.
            Unreachable: no answer.
            NotEnrolled: the server does not know the old key any more.
            StateUnusable: something else is where the new key should be.
            DiskFull, DiskError: it goes on at the next poll.
        """
        path = self.agent.state / NEXT_KEY_FILE
        key = make_key(path)
        try:
            self.agent.server.rotate_key(self._message(key))
        except Rejected:
            self.is_refused = True
            raise
        self._seal_again(key)
        durable.move(path, self.agent.state / KEY_FILE)
        self.agent.reporter.key.become(key)
        log.info("this site has a new key: %s", key.public_hex)
        return key

    def _message(self, key: SiteKey) -> KeyRotation:
        names = {
            "site_id": self.agent.enrolment.profile.site_id,
            "old_key": self.agent.reporter.key.public_hex,
            "new_key": key.public_hex,
        }
        body = KeyPossession.model_validate(names).to_bytes()
        proof = seal(body, POSSESSION_TYPE, key.signer).decode()
        return KeyRotation.model_validate({**names, "at": self.agent.clock(), "proof": proof})

    def _seal_again(self, key: SiteKey) -> None:
        """What waits to be sent was sealed by the key that nobody believes any more."""
        outbox, book = self.agent.reporter.outbox, StepBook(self.agent.state / "steps")
        for sealed in list(outbox.pending()):
            try:
                body = peek(sealed.envelope, REPORT_TYPE)
            except ManifestError:
                continue  # damaged: it is set aside when it is sent
            envelope = seal(body, REPORT_TYPE, key.signer)
            outbox.replace(Sealed(sealed.sequence, envelope))
        for answered in list(book.pending()):
            try:
                body = peek(answered.envelope, STEP_RESULT_TYPE)
            except ManifestError:
                continue
            book.replace(Answered(answered.step_id, seal(body, STEP_RESULT_TYPE, key.signer)))
