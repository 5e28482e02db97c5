"""Every table is audited, or somebody has written down why not."""

from sqlmodel import SQLModel

from distribution.audit.coverage import AUDITED, EXEMPT
from distribution.database import every_table

assert every_table  # it fills the metadata


def test_every_table_is_audited_or_exempt_and_never_both() -> None:
    assert sorted([*AUDITED, *EXEMPT]) == sorted(SQLModel.metadata.tables)


def test_every_exception_has_a_reason() -> None:
    reasons = [*EXEMPT.values(), *(why for rule in AUDITED.values() for why in rule.but.values())]
    assert all(len(reason.split()) >= 3 for reason in reasons)


def test_the_columns_that_are_left_out_exist() -> None:
    for table, rule in AUDITED.items():
        assert set(rule.but) < set(SQLModel.metadata.tables[table].columns.keys()), table
