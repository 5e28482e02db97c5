"""Who hears of which line of the news, and as what."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from sqlmodel import Session, col, select

from distribution.desk.news import News
from distribution.desk.tables import NewsRow
from distribution.notify.states import AS_A_CLIENT_HEARS_IT, RANK
from distribution.notify.tables import NotifyChannel
from manifests.failures import Tier


def is_heard(channel: NotifyChannel, tier: Tier) -> bool:
    """Whether a channel hears of the problems of a tier."""
    if channel.least:
        return tier == channel.least or RANK[tier] > RANK[Tier(channel.least)]
    return channel.client_id != "" or channel.tier == tier


@dataclass
class Audience:
    """The channels, by what they hear of."""

    by_tier: dict[Tier, list[NotifyChannel]] = field(default_factory=dict)
    by_client: dict[str, list[NotifyChannel]] = field(default_factory=dict)
    of_clients: set[int] = field(default_factory=set)

    @classmethod
    def of(cls, session: Session) -> "Audience":
        found = cls()
        for channel in session.exec(
            select(NotifyChannel).where(col(NotifyChannel.ended_at).is_(None))
        ):
            if channel.client_id:
                found.by_client.setdefault(channel.client_id, []).append(channel)
                found.of_clients.add(channel.id or 0)
            else:
                for tier in Tier:
                    if is_heard(channel, tier):
                        found.by_tier.setdefault(tier, []).append(channel)
        return found

    def of_row(self, row: NewsRow, client: str) -> Iterator[tuple[int, News]]:
        """Who hears of a line, and as what."""
        kind, tier = News(row.kind), Tier(row.tier)
        # At one site of many it is over: that is the client's news, and not yet ours.
        if not (kind is News.CLOSED and row.incident_id):
            for channel in self.by_tier.get(tier, ()):
                if kind in channel.news.split():
                    yield channel.id or 0, kind
        heard = AS_A_CLIENT_HEARS_IT.get(kind)
        for channel in self.by_client.get(client, ()):
            if heard in channel.news.split() and is_heard(channel, tier):
                yield channel.id or 0, heard
