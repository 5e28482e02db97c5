"""A site's next key: said by the key that is in use, proved by the new one.

The envelope is sealed by the key that the server knows. Inside is a second one, sealed by the new
key, which shows that whoever asks has it: nobody can put another's key in the place of theirs.
"""

from typing import Annotated

from pydantic import Field

from manifests.check_in import PublicKeyHex
from manifests.documents import Document, UtcDatetime
from manifests.envelope import open_sealed, site_key
from manifests.errors import ManifestError
from manifests.target_paths import Identifier

ROTATION_TYPE = "application/vnd.hsp.key-rotation+json"
POSSESSION_TYPE = "application/vnd.hsp.key-possession+json"
MAX_ROTATION_BYTES = 16 * 1024


class KeyPossession(Document):
    """What the new key signs."""

    site_id: Identifier
    old_key: PublicKeyHex
    new_key: PublicKeyHex


class KeyRotation(Document):
    """What the old key signs."""

    site_id: Identifier
    old_key: PublicKeyHex
    new_key: PublicKeyHex
    at: UtcDatetime
    """By the site's clock: what the old key signs from now on is somebody else's."""
    proof: Annotated[str, Field(max_length=4096)]
    """A ``KeyPossession``, sealed by the new key."""

    def check_proof(self) -> None:
        """See that the new key agrees.

        Raises:
            ManifestError: it does not, or it is the old one.
        """
        body = open_sealed(self.proof.encode(), POSSESSION_TYPE, site_key(self.new_key))
        said = KeyPossession.from_bytes(body)
        if (said.site_id, said.old_key, said.new_key) != (self.site_id, self.old_key, self.new_key):
            raise ManifestError("the new key has agreed to something else")
        if self.new_key == self.old_key:
            raise ManifestError("the new key is the old one")


class KeyRotationAnswer(Document):
    """From now on the server believes this key, and no other, for the site."""

    site_id: Identifier
    public_key: PublicKeyHex
