"""What every place that keeps a private key can do, and a signer for the places that never give
it away.

A token or a key service is told what to sign and answers with a signature. What it answers is
verified here, under the public key that it should be of: a key that was exchanged behind its name
is found out before anything is written.
"""

from typing import NoReturn, Protocol

from securesystemslib.exceptions import UnverifiedSignatureError
from securesystemslib.signer import Key, SecretsHandler, Signature, Signer, SSlibKey

from signing.errors import WrongKey

ED25519, P256 = "ed25519", "ecdsa-p256"
SCHEMES = (ED25519, P256)


class Keeper(Protocol):
    """A private key in its place."""

    def public(self) -> SSlibKey:
        """Its public half, which does not say yet whose it is."""

    def signer(self, key: SSlibKey) -> Signer:
        """What signs with it, as the public key ``key``."""


class Answering(Protocol):
    """A place that signs and keeps the key to itself."""

    def answer(self, payload: bytes) -> bytes:
        """A signature of ``payload``, as TUF writes it.

        Raises:
            SigningError: why there is none.
        """


class KeptSigner(Signer):
    """Signs with a key that never leaves its place."""

    def __init__(self, place: Answering, key: SSlibKey) -> None:
        self._place, self._key = place, key

    @property
    def public_key(self) -> SSlibKey:
        """What verifies the signatures."""
        return self._key

    def sign(self, payload: bytes) -> Signature:
        """Sign, and verify what came back.

        Raises:
            WrongKey: another key than this one lies there now.
            SigningError: why there is no signature.
        """
        signature = Signature(self._key.keyid, self._place.answer(payload).hex())
        try:
            self._key.verify_signature(signature, payload)
        except UnverifiedSignatureError as error:
            raise WrongKey(
                f"{self._place} has signed with another key than {self._key.keyid[:12]}",
                hint="name the key that this public key is of, or make its .pub anew",
            ) from error
        return signature

    @classmethod
    def from_priv_key_uri(
        cls, priv_key_uri: str, public_key: Key, secrets_handler: SecretsHandler | None = None
    ) -> NoReturn:
        """Not the way here: ``signing.signers`` knows the places."""
        raise NotImplementedError
