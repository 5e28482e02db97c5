"""A repository with people, for ceremonies."""

from pathlib import Path

import pytest

from tests.simulators.estate import Estate


@pytest.fixture
def estate(tmp_path: Path) -> Estate:
    """People, a repository, the product "app"."""
    return Estate.usual(tmp_path)
