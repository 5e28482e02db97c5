"""What a release requires of other products is checked before it is published."""

from pathlib import Path

import pytest

from distribution.errors import Invalid
from manifests.errors import UpdateError
from tests.simulators.estate import Estate


@pytest.fixture
def two(tmp_path: Path) -> Estate:
    """An estate with the products app and db."""
    estate = Estate.create(tmp_path, "app")
    estate.add_product("db")
    return estate


def test_a_product_that_exists_may_be_required(two: Estate) -> None:
    release = two.publish("2.0", requires={"db": ">=3"})
    assert release.manifest.requires == {"db": ">=3"}


def test_an_unknown_product_is_refused(two: Estate) -> None:
    with pytest.raises(UpdateError, match="no product 'lab'; it has app, db"):
        two.publish("2.0", requires={"lab": ">=3"})


def test_products_that_would_wait_for_each_other_are_refused(two: Estate) -> None:
    two.publish("2.0", requires={"db": ">=3"})
    with pytest.raises(Invalid, match="db needs app needs db"):
        two.publish("3.0", product="db", requires={"app": ">=2"})
    two.publish("3.0.1", product="db")
