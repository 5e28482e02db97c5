"""Keys on tokens that speak PKCS#11: smart cards, YubiKeys, HSMs, SoftHSM.

securesystemslib has a signer for them too. It finds keys by a number only, knows no Ed25519, and
lets the library's errors through; an officer needs to be told what is wrong with the token.
"""

import hashlib
import secrets
from contextlib import suppress
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass, Session
from pkcs11.exceptions import PKCS11Error
from pkcs11.util.ec import encode_named_curve_parameters
from securesystemslib.signer import SSlibKey

from signing.errors import AlreadyThere, UnusableKey, WrongPassphrase
from signing.keepers import P256, KeptSigner
from signing.pkcs11_tokens import HOW, logged_in
from signing.pkcs11_uri import TokenUri

_P256_PARAMETERS = encode_named_curve_parameters("secp256r1")
_ED25519_PARAMETERS = encode_named_curve_parameters("1.3.101.112")
_OCTETS = 0x04


class TokenKey:
    """One private key on a token. Each use logs in, and out again."""

    def __init__(self, uri: TokenUri, pin: str) -> None:
        if not pin:
            raise WrongPassphrase(f"no PIN was given for {uri.text}", hint=HOW)
        self._uri, self._pin = uri, pin

    def __str__(self) -> str:
        return self._uri.text

    def public(self) -> SSlibKey:
        """See ``Keeper.public``.

        Raises:
            KeyUnavailable: the token is not there.
            UnusableKey: not exactly one key of a kind we accept is there.
            WrongPassphrase: the PIN is wrong.
        """
        with logged_in(self._uri, self._pin) as session:
            return self._public_half(session, self._private(session))

    def signer(self, key: SSlibKey) -> KeptSigner:
        """See ``Keeper.signer``."""
        return KeptSigner(self, key)

    def answer(self, payload: bytes) -> bytes:
        """See ``Answering.answer``."""
        with logged_in(self._uri, self._pin) as session:
            private = self._private(session)
            # Some keys ask for the PIN at every signature (slot 9c of a YubiKey).
            again = {"pin": self._pin} if _attribute(private, Attribute.ALWAYS_AUTHENTICATE) else {}
            if private[Attribute.KEY_TYPE] == KeyType.EC_EDWARDS:
                return bytes(private.sign(payload, mechanism=Mechanism.EDDSA, **again))
            digest = hashlib.sha256(payload).digest()
            raw = bytes(private.sign(digest, mechanism=Mechanism.ECDSA, **again))
        half = len(raw) // 2
        return encode_dss_signature(*(int.from_bytes(n, "big") for n in (raw[:half], raw[half:])))

    def generate(self, scheme: str) -> None:
        """Make the key inside the token, which never gives it away.

        Raises:
            AlreadyThere: the token has a key of that name.
            UnusableKey: the token makes no such keys, or the name says no label.
        """
        if self._uri.label is None:
            raise UnusableKey(f"{self} gives the new key no name", hint="add object=LABEL")
        with logged_in(self._uri, self._pin, writing=True) as session:
            if self._found(session, ObjectClass.PRIVATE_KEY):
                raise AlreadyThere(f"{self} exists already, and a key is never overwritten")
            kind, parameters, mechanism = (
                (KeyType.EC, _P256_PARAMETERS, Mechanism.EC_KEY_PAIR_GEN)
                if scheme == P256
                else (KeyType.EC_EDWARDS, _ED25519_PARAMETERS, Mechanism.EC_EDWARDS_KEY_PAIR_GEN)
            )
            curve = session.create_domain_parameters(
                kind, {Attribute.EC_PARAMS: parameters}, local=True
            )
            curve.generate_keypair(
                mechanism=mechanism,
                store=True,
                label=self._uri.label,
                id=self._uri.key_id or secrets.token_bytes(8),
                private_template={Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False},
            )

    # --- what lies on it

    def _found(self, session: Session, kind: ObjectClass, **wanted: Any) -> list[Any]:
        attributes = {
            Attribute.CLASS: kind,
            Attribute.LABEL: self._uri.label,
            Attribute.ID: self._uri.key_id,
        } | {Attribute[name]: value for name, value in wanted.items()}
        given = {name: value for name, value in attributes.items() if value is not None}
        return list(session.get_objects(given))

    def _private(self, session: Session) -> Any:
        found = self._found(session, ObjectClass.PRIVATE_KEY)
        if len(found) > 1:
            ids = ", ".join("%" + key.id.hex("%") for key in found)
            raise UnusableKey(
                f"{self} is the name of {len(found)} private keys", hint=f"add id=, one of {ids}"
            )
        if not found:
            if self._found(session, ObjectClass.PUBLIC_KEY):
                raise UnusableKey(f"{self} is only a public key, and a private key is expected")
            every = session.get_objects({Attribute.CLASS: ObjectClass.PRIVATE_KEY})
            there = ", ".join(repr(_attribute(key, Attribute.LABEL)) for key in every) or "none"
            raise UnusableKey(
                f"the token has no private key {self}; there are: {there}",
                hint="name one of those, or make it: hsp-sign keygen NAME --in URI",
            )
        self._check_kind(found[0])
        return found[0]

    def _check_kind(self, key: Any) -> None:
        kind, parameters = key[Attribute.KEY_TYPE], _attribute(key, Attribute.EC_PARAMS)
        if kind == KeyType.EC_EDWARDS or (kind == KeyType.EC and parameters == _P256_PARAMETERS):
            return
        raise UnusableKey(f"{self} is neither an Ed25519 nor a P-256 key")

    def _public_half(self, session: Session, private: Any) -> SSlibKey:
        kind, key_id = private[Attribute.KEY_TYPE], _attribute(private, Attribute.ID)
        found = self._found(session, ObjectClass.PUBLIC_KEY, KEY_TYPE=kind, ID=key_id or None)
        if len(found) != 1:
            raise UnusableKey(
                f"the token has {len(found)} public keys that could belong to {self}",
                hint="the public half must lie beside it, with the same label and id",
            )
        point = _unwrapped(found[0][Attribute.EC_POINT])
        try:
            if kind == KeyType.EC_EDWARDS:
                return SSlibKey.from_crypto(Ed25519PublicKey.from_public_bytes(point))
            return SSlibKey.from_crypto(
                EllipticCurvePublicKey.from_encoded_point(SECP256R1(), point)
            )
        except ValueError as error:
            raise UnusableKey(f"{self} is neither an Ed25519 nor a P-256 key") from error


def _attribute(key: Any, name: Attribute) -> Any:
    """An attribute that not every token has."""
    with suppress(PKCS11Error):
        return key[name]
    return None


def _unwrapped(point: bytes) -> bytes:
    """The point itself: the standard wraps it into an octet string, and not every token does."""
    wrapped = len(point) > 2 and point[0] == _OCTETS and point[1] == len(point) - 2
    return point[2:] if wrapped else point
