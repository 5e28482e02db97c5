"""Every threat that we answer to, collected from the tests that bear them."""

from collections.abc import Iterator
from types import ModuleType

from tests.threats import test_ours, test_tuf, test_uptane
from tests.threats.threat import Threat


def _of(module: ModuleType) -> Iterator[Threat]:
    """In the order of the file."""
    for test in vars(module).values():
        row = getattr(test, "threat", None)
        if isinstance(row, Threat):
            yield row


TUF, UPTANE, OURS = (tuple(_of(module)) for module in (test_tuf, test_uptane, test_ours))
THREATS = (*TUF, *UPTANE, *OURS)
