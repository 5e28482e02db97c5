"""Canonical JSON made fast is the same as canonical JSON made slowly."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from securesystemslib.formats import encode_canonical

from signing.canonical import canonical, parsed_json
from signing.errors import Tampered

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
ODD_TEXT = st.sampled_from(
    ['a\\n"', "\\\\n", "\n\t\x00\x7f", "1.5", ",1.5", ":-2e3", "\\u0000", "ä€😀"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT | ODD_TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT | ODD_TEXT, inner),
)


@given(st.dictionaries(TEXT | ODD_TEXT, VALUES))
def test_the_bytes_are_those_of_the_specification(plain: dict[str, Any]) -> None:
    assert canonical(plain) == encode_canonical(plain).encode()


@given(VALUES, st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_is_refused_wherever_it_hides(value: Any, number: float) -> None:
    for hidden in ({"a": number}, {"a": [value, number]}, {"a": [number]}, {"b": {"": [[number]]}}):
        with pytest.raises(Tampered, match="cannot be signed"):
            canonical(hidden)


@given(st.dictionaries(TEXT | ODD_TEXT, VALUES))
def test_what_was_written_is_read(plain: dict[str, Any]) -> None:
    for text in (json.dumps(plain), json.dumps(plain, sort_keys=True, separators=(",", ":"))):
        assert parsed_json(text.encode(), "it") == plain


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"1", b'{"a":1,"a":1}', b'{"a":1,"a":2}', b'{"a":NaN}', b"\xff{}", b"{" * 100_000],
)
def test_what_is_no_object_with_unique_keys(data: bytes) -> None:
    with pytest.raises(Tampered, match="it is not TUF metadata"):
        parsed_json(data, "it")
