"""Statements as builders write them, and as nobody should."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manifests.errors import ManifestError
from manifests.provenance import SLSA_V1, STATEMENT_V1, Provenance
from manifests.sbom import Sbom
from tests.simulators.builder import BUILDER, sbom, statement

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
)
NAMES = (
    "_type", "subject", "predicateType", "predicate", "payload", "payloadType", "signatures",
    "bomFormat", "specVersion", "components",
)  # fmt: skip


def test_a_statement_says_who_built_what() -> None:
    found = Provenance.from_bytes(statement("a" * 64, "B" * 64))
    assert (found.builder, found.predicate) == (BUILDER, SLSA_V1)
    assert found.subjects == {"a" * 64, "b" * 64}
    assert found.envelope is None
    assert found.signed_by([]) is None


def test_other_digests_are_passed_over_and_nothing_is_no_subject() -> None:
    subject: list[Any] = [{"digest": {"sha512": "x"}}, {"digest": 3}, {}, "x", {"name": "y"}]
    assert Provenance.from_bytes(statement(subject=subject)).subjects == frozenset()


@pytest.mark.parametrize("field", ["builder", "predicate"])
def test_nobody_is_named_in_so_many_words_that_a_signer_cannot_read_them(field: str) -> None:
    with pytest.raises(ManifestError, match="too many words"):
        Provenance.from_bytes(statement("a" * 64, **{field: "https://" + "x" * 1000}))


@settings(max_examples=300, deadline=None)
@given(name=st.sampled_from(NAMES), value=JSON, signatures=JSON)
def test_whatever_stands_there_it_is_read_or_refused(
    name: str, value: Any, signatures: Any
) -> None:
    envelope = {"payload": "e30=", "payloadType": "application/vnd.in-toto+json"}
    said = {"_type": STATEMENT_V1, "signatures": signatures}
    for data in (statement("a" * 64), json.dumps({**envelope, **said}).encode(), sbom()):
        changed = json.dumps({**json.loads(data), name: value}).encode()
        for read in (Provenance.from_bytes, Sbom.from_bytes):
            try:
                read(changed)
            except ManifestError as error:
                assert error.message
