"""Keys in AWS KMS: P-256, which KMS calls ``ECC_NIST_P256``. KMS sees the sha256, never the text.

securesystemslib has a signer for them too; ours has deadlines, so that a server does not stand
still while KMS does, and says what an operator can do. Region, credentials and another address
(``AWS_ENDPOINT_URL_KMS``) come from the usual places of AWS's programs.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError
from botocore.loaders import create_loader
from botocore.session import Session
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key
from securesystemslib.signer import SSlibKey

from signing.errors import KeyRefused, KeyUnavailable, SigningError, UnusableKey
from signing.keepers import KeptSigner

if TYPE_CHECKING:
    from mypy_boto3_kms.client import KMSClient

SCHEME = "awskms"
_CONFIG = Config(
    connect_timeout=5, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 3}
)
_DESCRIPTIONS = create_loader()
"""AWS's files about its services and regions, which are large: read once for all keys."""
_SPEC = "ECC_NIST_P256"

_REFUSALS = (
    *("AccessDenied", "AccessDeniedException", "UnrecognizedClientException"),
    *("InvalidClientTokenId", "InvalidSignatureException", "SignatureDoesNotMatch"),
    *("ExpiredToken", "ExpiredTokenException", "MissingAuthenticationToken"),
)
_BUSY = (
    *("ThrottlingException", "LimitExceededException", "KMSInternalException"),
    *("DependencyTimeoutException", "KeyUnavailableException"),
)
_UNUSABLE = {
    "NotFoundException": (
        "there is no such key in this account and region",
        "check the key's id or alias, AWS_DEFAULT_REGION and the account of the credentials",
    ),
    "DisabledException": ("the key is disabled", "enable it: aws kms enable-key --key-id ID"),
    "KMSInvalidStateException": (
        "the key is not enabled: disabled, or about to be deleted",
        "aws kms cancel-key-deletion and enable-key bring it back; else name another key",
    ),
}
_WRONG_KIND = f"make a key of the spec {_SPEC} for SIGN_VERIFY; see docs/keys.md"


class KmsKey:
    """One key of KMS, by its id, ARN or alias."""

    def __init__(self, key_id: str) -> None:
        if not key_id:
            raise UnusableKey(
                f"{SCHEME}: names no key", hint=f"write {SCHEME}:alias/NAME, an id or an ARN"
            )
        self._key_id = key_id
        with self._in_our_words():
            session = Session()  # of its own: the shared one is not for several threads
            session.register_component("data_loader", _DESCRIPTIONS)
            client = session.create_client("kms", region_name=_region(key_id), config=_CONFIG)
        self._client = cast("KMSClient", client)

    def __str__(self) -> str:
        return f"{SCHEME}:{self._key_id}"

    def public(self) -> SSlibKey:
        """See ``Keeper.public``.

        Raises:
            KeyRefused: KMS does not let these credentials.
            KeyUnavailable: KMS does not answer.
            UnusableKey: no such key, not enabled, or of another kind.
        """
        with self._in_our_words():
            said = self._client.get_public_key(KeyId=self._key_id)
        if (said["KeySpec"], said["KeyUsage"]) != (_SPEC, "SIGN_VERIFY"):
            kind = f"{said['KeySpec']} for {said['KeyUsage']}"
            raise UnusableKey(f"{self} is a key of {kind}", hint=_WRONG_KIND)
        key = load_der_public_key(said["PublicKey"])
        assert isinstance(key, EllipticCurvePublicKey)  # noqa: S101 - KMS said so just before
        return SSlibKey.from_crypto(key)

    def signer(self, key: SSlibKey) -> KeptSigner:
        """See ``Keeper.signer``. Does not ask KMS yet."""
        return KeptSigner(self, key)

    def answer(self, payload: bytes) -> bytes:
        """See ``Answering.answer``.

        Raises:
            KeyRefused: KMS does not let these credentials.
            KeyUnavailable: KMS does not answer.
            UnusableKey: no such key, not enabled, or of another kind.
        """
        with self._in_our_words():
            said = self._client.sign(
                KeyId=self._key_id,
                Message=hashlib.sha256(payload).digest(),
                MessageType="DIGEST",
                SigningAlgorithm="ECDSA_SHA_256",
            )
            return said["Signature"]

    @contextmanager
    def _in_our_words(self) -> Iterator[None]:
        try:
            yield
        except ClientError as error:
            raise self._refusal(error) from error
        except (ConnectionError, HTTPClientError) as error:
            raise KeyUnavailable(
                f"{self}: KMS does not answer: {error}",
                hint="try again later; check the network, and AWS_ENDPOINT_URL if it is set",
            ) from error
        except (BotoCoreError, ValueError) as error:
            raise UnusableKey(
                f"{self}: {error}",
                hint="set AWS_DEFAULT_REGION and credentials as for any AWS program",
            ) from error

    def _refusal(self, error: ClientError) -> SigningError:
        code = str(error.response.get("Error", {}).get("Code", ""))
        said = str(error.response.get("Error", {}).get("Message", ""))
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if code in _UNUSABLE:
            told, hint = _UNUSABLE[code]
            return UnusableKey(f"{self}: {told}", hint=hint)
        if code in _REFUSALS:
            return KeyRefused(
                f"{self}: KMS refuses: {code} ({said})",
                hint="these credentials need kms:GetPublicKey and kms:Sign on the key",
            )
        if code in _BUSY or status >= 500:
            return KeyUnavailable(f"{self}: KMS says {code} ({said})", hint="try again later")
        return UnusableKey(f"{self}: KMS says {code} ({said})", hint=_WRONG_KIND)


def _region(key_id: str) -> str | None:
    """Where the key is, if its name says so; None: where botocore is told to look."""
    parts = key_id.split(":")
    return parts[3] if parts[0] == "arn" and len(parts) > 4 else None
