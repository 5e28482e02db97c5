"""How every document is read and written: strictly, and always to the same bytes."""

import tomllib
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Self, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
)

from manifests.errors import IncompatibleDocument, ManifestError
from manifests.json_text import parse_json as parse_json
from manifests.json_text import to_json as to_json
from manifests.moments import YEARS as YEARS
from manifests.moments import in_range as in_range


def _to_utc(moment: datetime) -> datetime:
    return in_range(in_range(moment).astimezone(UTC))


UtcDatetime = Annotated[AwareDatetime, AfterValidator(_to_utc)]
"""An aware moment, kept in UTC so that it is spelled one way."""


class Part(BaseModel):
    """A frozen piece of a document. Unknown fields are ignored when read."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False, defer_build=True)


class Document(Part):
    """A frozen document with a format major; readers refuse a newer major than their own.

    Subclasses define ``format: int`` and raise ``FORMAT`` when an old reader must not go on.
    """

    FORMAT: ClassVar[int] = 1

    format: Annotated[int, Field(strict=True, ge=1)] = 1

    @field_validator("format")
    @classmethod
    def _is_known(cls, major: int) -> int:
        # ``_from_plain`` says it better, but does not see a document inside another one.
        if major > cls.FORMAT:
            raise ValueError(f"{cls.__name__} has format {major}; known is up to {cls.FORMAT}")
        return major

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read a document that was signed or sent. Unknown fields are ignored.

        Raises:
            IncompatibleDocument: the format's major is newer than this program knows.
            ManifestError: not JSON, a duplicate key, nested too deep, or a field is wrong.
        """
        return cls._from_plain(parse_json(data, cls.__name__), strict=False)

    @classmethod
    def from_plain(cls, plain: Any) -> Self:
        """Read what a person wrote (TOML, a form). An unknown field is a spelling mistake.

        Raises:
            ManifestError: an unknown field, or a field is wrong.
        """
        return cls._from_plain(plain, strict=True)

    @classmethod
    def _from_plain(cls, plain: Any, *, strict: bool) -> Self:
        major = plain.get("format", 1) if isinstance(plain, dict) else 1
        if isinstance(major, int) and major > cls.FORMAT:
            shown = str(major) if major < 10**9 else "over 1000000000"  # str() ends at 4300 digits
            raise IncompatibleDocument(
                f"{cls.__name__} has format {shown}; this program reads up to {cls.FORMAT}",
                hint="upgrade this program first",
            )
        return validated(cls, plain, strict=strict)

    def to_bytes(self) -> bytes:
        """The document's one spelling: JSON, keys sorted, no spaces, UTF-8."""
        return to_json(self.model_dump(mode="json"))


_MOST_DOTS = 200
"""On one line of TOML: what tomllib keeps of a dotted key grows with the square of its parts."""

P = TypeVar("P", bound=BaseModel)


def validated(model: type[P], plain: Any, *, strict: bool) -> P:
    """Validate ``plain`` as ``model``; with ``strict``, unknown fields are refused.

    Raises:
        ManifestError: one sentence per wrong field, naming it.
    """
    try:
        return model.model_validate(plain, extra="forbid" if strict else None)
    except ValidationError as error:
        raise ManifestError(f"{model.__name__}: {_in_words(error)}") from error


def parse_toml(text: str, what: str) -> Any:
    """Parse TOML that a person wrote.

    Raises:
        ManifestError: with ``what`` in its message.
    """
    if any(line.count(".") > _MOST_DOTS for line in text.splitlines()):
        raise ManifestError(f"{what} has a line with more than {_MOST_DOTS} dots")
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise ManifestError(f"{what} is nested too deep") from error
    except ValueError as error:
        raise ManifestError(f"{what} is not valid TOML: {error}") from error


def _in_words(error: ValidationError) -> str:
    problems = []
    for problem in error.errors(include_url=False)[:5]:
        where = ".".join(str(part) for part in problem["loc"]) or "document"
        message = "unknown field" if problem["type"] == "extra_forbidden" else problem["msg"]
        problems.append(f"{where[:120]}: {message.removeprefix('Value error, ')[:300]}")
    return "; ".join(problems)
