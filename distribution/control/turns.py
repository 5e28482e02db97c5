"""Who comes next, where only so many sites may be in progress at once. Pure: values in, sites out.

The order is that of the rollout, pilots first. A client that has as many in progress as it may is
passed over, and holds up no other client. Sites that drew the same cannot be parted, since a plan
says whose turn it is by what was drawn: they come together, where they fit or nobody else is in
progress.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from manifests.rollout import Limits


@dataclass(frozen=True)
class InLine:
    """A site in the line of one rollout.

    Attributes:
        takes_room: it is in progress, or may be before anybody hears of it.
        may_come: its turn by the schedule has come, and it is not through with it.
    """

    site_id: str
    client_id: str
    drawn: int
    takes_room: bool
    may_come: bool


@dataclass(frozen=True)
class Elsewhere:
    """The clients of the sites that are in progress with another release."""

    same_product: Sequence[str] = ()
    other_products: Sequence[str] = ()
    """For the limit of each client only."""


class Room:
    """How many are in progress, of all and of each client."""

    def __init__(self, limits: Limits, elsewhere: Elsewhere) -> None:
        self._limits = limits
        self._total = len(elsewhere.same_product)
        self._by_client = Counter([*elsewhere.same_product, *elsewhere.other_products])

    def take(self, clients: Iterable[str]) -> None:
        """Sites of these clients are in progress, too."""
        more = Counter(clients)
        self._total += more.total()
        self._by_client += more

    @property
    def is_full(self) -> bool:
        """Whether nobody at all may begin."""
        limit = self._limits.at_once
        return limit is not None and self._total >= limit

    def fits(self, clients: Sequence[str]) -> bool:
        """Whether sites of these clients may begin together."""
        if not _fits(self._total, len(clients), self._limits.at_once):
            return False
        each = self._limits.at_once_per_client
        return all(_fits(self._by_client[c], n, each) for c, n in Counter(clients).items())


def _fits(used: int, more: int, limit: int | None) -> bool:
    return limit is None or used + more <= limit or (used == 0 and more > 0)


def next_ones(
    line: Sequence[InLine],
    limits: Limits,
    elsewhere: Elsewhere,
    can_begin: Callable[[InLine], bool],
) -> list[InLine]:
    """The sites that get their turn now.

    Args:
        line: every site of the rollout, in its order.
        can_begin: whether nothing else keeps a site from it; asked only while there is room.
    """
    room = Room(limits, elsewhere)
    room.take(one.client_id for one in line if one.takes_room)
    alike: dict[int, list[InLine]] = {}
    for one in line:
        if one.may_come and not one.takes_room:
            alike.setdefault(one.drawn, []).append(one)
    found: list[InLine] = []
    for one in line:
        together = alike.get(one.drawn, [])
        if room.is_full:
            break
        if one not in together or not room.fits([each.client_id for each in together]):
            continue
        if can_begin(one):
            room.take(each.client_id for each in together)
            found += alike.pop(one.drawn)
    return found
