"""All rates, from the settings. Enrolments and logins are counted over all servers."""

import ipaddress
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from distribution.database.sessions import Database
from distribution.people import shared_rates
from distribution.people.rates import Rate
from distribution.people.shared_rates import Count
from distribution.settings import Settings

CHECK_INS_PER_POLL = 10
"""So many check-ins come free in the interval at which a site should ask."""


@dataclass(frozen=True)
class Limits:
    """How often who may come."""

    check_in: Rate
    """By site, once its signature is verified."""
    report: Rate
    """The same."""
    enrol: Rate
    """All together."""
    enrol_address: Rate
    """By the socket's address."""
    login: Rate
    """By name."""
    login_address: Rate
    """By the socket's address, whatever the name."""
    provider: Rate
    """Logins that begin at the provider, all together."""
    person: Rate
    """By person, with whatever token or cookie."""

    @classmethod
    def of(cls, settings: Settings, clock: Callable[[], float] = time.monotonic) -> Self:
        """As the settings say."""
        between = settings.poll_seconds / CHECK_INS_PER_POLL
        return cls(
            check_in=Rate(between, settings.check_in_burst, clock),
            report=Rate.per_minute(settings.reports_per_minute, clock),
            enrol=Rate.per_minute(settings.enrolments_per_minute, clock),
            enrol_address=Rate.per_minute(settings.enrolments_per_address, clock),
            login=Rate.per_minute(settings.logins_per_minute, clock),
            login_address=Rate.per_minute(10 * settings.logins_per_minute, clock),
            provider=Rate.per_minute(60 * settings.logins_per_minute, clock),
            person=Rate.per_minute(settings.requests_per_minute, clock),
        )

    def take_enrolment(self, database: Database, address: str, now: datetime) -> None:
        """Count an enrolment. This machine's own address is not limited by itself: behind a proxy
        that runs here, it is everybody's.

        Raises:
            TooMany: too many came from there, or from everywhere.
            Unavailable: the database does not answer.
        """
        counts = [Count("enrol", "", self.enrol)]
        if not _is_loopback(address):
            counts = [Count("enrol from", address, self.enrol_address), *counts]
        shared_rates.take(database, counts, now)

    def take_login(self, database: Database, name: str, address: str, now: datetime) -> None:
        """Count a try to log in, with whatever password.

        Raises:
            TooMany: too many came from there, or with this name.
            Unavailable: the database does not answer.
        """
        counts = [Count("login", name, self.login)]
        if not _is_loopback(address):
            counts = [Count("login from", address, self.login_address), *counts]
        shared_rates.take(database, counts, now)

    def take_provider(self, database: Database, now: datetime) -> None:
        """Count a login that begins at the provider.

        Raises:
            TooMany: too many begin.
            Unavailable: the database does not answer.
        """
        shared_rates.take(database, [Count("provider", "", self.provider)], now)


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
