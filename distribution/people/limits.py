"""All rates of one server, from its settings."""

import ipaddress
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from distribution.people.rates import Rate
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

    def take_enrolment(self, address: str) -> None:
        """Count an enrolment. This machine's own address is not limited by itself: behind a proxy
        that runs here, it is everybody's.

        Raises:
            TooMany: too many came from there, or from everywhere.
        """
        if not _is_loopback(address):
            self.enrol_address.take(address)
        self.enrol.take("")

    def take_login(self, name: str, address: str) -> None:
        """Count a try to log in, with whatever password.

        Raises:
            TooMany: too many came from there, or with this name.
        """
        if not _is_loopback(address):
            self.login_address.take(address)
        self.login.take(name)


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
