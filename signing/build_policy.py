"""What a product's officers ask of every release's build: by whom, said how, and with an SBOM.

It is part of the product's delegation in ``targets``, so that the officers' threshold signs it, and
it holds for all three lanes. Sites do not look at it: who can publish without it could as well
change it. Pure.
"""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any

from pydantic import Field, StringConstraints
from securesystemslib.signer import Key, SSlibKey
from tuf.api.metadata import Targets

from manifests.documents import Part, validated
from manifests.errors import ManifestError
from signing.errors import Tampered, UnknownRole
from signing.roles import PRODUCT, keyid_of, person_of, role_in, row_of

FIELD = "x-hsp-build"

Uri = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9+.-]*:[!-~]+$", max_length=500)]


class BuildPolicy(Part):
    """What every release of a product must carry; an empty one asks for nothing.

    Attributes:
        builders: identities, of which one must have built it.
        predicates: types, of which its statement must have one.
        keys: public keys, of which one must have signed its statement.
        sbom: whether it must carry an SBOM.
    """

    builders: Annotated[tuple[Uri, ...], Field(max_length=16)] = ()
    predicates: Annotated[tuple[Uri, ...], Field(max_length=16)] = ()
    keys: Annotated[tuple[dict[str, Any], ...], Field(max_length=16)] = ()
    sbom: bool = False

    @property
    def asks_for_provenance(self) -> bool:
        """Whether a release must carry a statement."""
        return bool(self.builders or self.predicates or self.keys)

    def public_keys(self) -> tuple[Key, ...]:
        """The builders' keys.

        Raises:
            Tampered: one of them is none.
        """
        try:
            return tuple(SSlibKey.from_dict(keyid_of(key), dict(key)) for key in self.keys)
        except (KeyError, TypeError, ValueError) as error:
            raise Tampered("a builder's key is not a public key") from error

    def words(self) -> Iterator[str]:
        """What it asks for, one thing each."""
        if self.builders:
            yield f"a statement that it was built by {' or '.join(self.builders)}"
        if self.predicates:
            yield f"a statement of the type {' or '.join(self.predicates)}"
        if self.keys:
            names = (f"{person_of(key)} (key {key.keyid[:16]})" for key in self.public_keys())
            yield f"a signature on the statement by {' or '.join(names)}"
        if self.sbom:
            yield "a CycloneDX SBOM"


NOTHING = BuildPolicy()


def read_policy(
    builders: Sequence[str], predicates: Sequence[str], keys: Sequence[Key], *, sbom: bool
) -> BuildPolicy:
    """A policy as a person wrote it.

    Raises:
        ManifestError: an identity or a type that is no URI, or too many.
    """
    plain = {
        "builders": builders,
        "predicates": predicates,
        "keys": [key.to_dict() for key in keys],
        "sbom": sbom,
    }
    return validated(BuildPolicy, plain, strict=True)


def policy_of(targets: Targets, product: str) -> BuildPolicy:
    """What the officers ask of a product's builds.

    Raises:
        UnknownRole: there is no such product.
        Tampered: it says more than this program understands.
    """
    if row_of(product) != PRODUCT:
        return NOTHING
    plain = role_in(targets, product).unrecognized_fields.get(FIELD)
    if plain is None:
        return NOTHING
    try:
        return validated(BuildPolicy, plain, strict=True)
    except ManifestError as error:
        raise Tampered(
            f"what {product}'s builds must be is not understood: {error.message}",
            hint="upgrade this program first",
        ) from error


def as_field(policy: BuildPolicy) -> dict[str, Any]:
    """The policy as part of a delegation; nothing if it asks for nothing."""
    return {FIELD: policy.model_dump(mode="json")} if policy != NOTHING else {}


def set_policy(targets: Targets, product: str, policy: BuildPolicy) -> None:
    """Ask for this from now on, in ``targets``, which is changed.

    Raises:
        UnknownRole: there is no such product.
    """
    if row_of(product) != PRODUCT:
        raise UnknownRole(f"{product} is no product, and nothing is built for it")
    fields = role_in(targets, product).unrecognized_fields
    fields.pop(FIELD, None)
    fields.update(as_field(policy))
