"""Where a webhook may lead. Of a client's choosing: out into the world, and nowhere near us.

A name is looked up once, every address of it is checked, and the connection goes to an address that
was checked: a name that answers otherwise a moment later (DNS rebinding) changes nothing.
"""

import re
import socket
from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from urllib.parse import urlsplit

from distribution.errors import Invalid, Misconfigured
from distribution.notify.errors import NotDelivered

MAX_URL = 2000
_HINT = "write https://host/path"
_GIVEN_OUT = IPv6Network("2000::/3")
"""All that there is of IPv6 in the world; what lies outside of it means something special."""
_EMBEDS = tuple(map(IPv6Network, ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32")))
"""IPv6 that leads on to an IPv4 address of somebody's choice: NAT64, 6to4, Teredo."""

Address = IPv4Address | IPv6Address


@dataclass(frozen=True)
class Target:
    """Where to knock, taken apart."""

    is_tls: bool
    host: str
    port: int
    path: str
    """With its query."""


@dataclass(frozen=True)
class Reach:
    """Which addresses are allowed.

    Attributes:
        everywhere: ours: we know our own networks.
        networks: private ones that clients' webhooks may lead into, as the operator lists them.
    """

    everywhere: bool
    networks: str = ""

    def allows(self, address: Address) -> bool:
        """Whether a connection may be made there.

        Raises:
            Misconfigured: the operator's networks are none.
        """
        if self.everywhere or any(address in network for network in self._listed()):
            return True
        if isinstance(address, IPv6Address):
            if address.ipv4_mapped:
                return self.allows(address.ipv4_mapped)
            if address not in _GIVEN_OUT or any(address in network for network in _EMBEDS):
                return False
        return address.is_global and not address.is_multicast

    def _listed(self) -> Collection[IPv4Network | IPv6Network]:
        try:
            return [ip_network(each) for each in self.networks.split()]
        except ValueError as error:
            raise Misconfigured(f"client_webhook_networks: {error}") from error


def taken_apart(url: str) -> Target:
    """An address of the web, if it is one that we would ever send to.

    Raises:
        Invalid: it is none; it would go unencrypted over a network; it has a password in it.
    """
    if len(url) > MAX_URL or not re.fullmatch(r"[\x21-\x7e]+", url):
        raise Invalid("the address has spaces or letters that no URL has, or is long", hint=_HINT)
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise Invalid(f"the address is no URL: {error}", hint=_HINT) from error
    is_tls = parts.scheme == "https"
    if not host or not (is_tls or (parts.scheme == "http" and is_loopback(host))):
        raise Invalid("the address is not one of https", hint=_HINT)
    if parts.username is not None or parts.fragment:
        raise Invalid("the address has a name, a password or a fragment in it", hint=_HINT)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(is_tls, host, port or (443 if is_tls else 80), path)


def is_loopback(host: str) -> bool:
    """Whether it is this machine, by its name or number."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def refuse_obvious(url: str, reach: Reach) -> None:
    """Refuse what can be seen to lead where it must not, without looking a name up.

    Raises:
        Invalid: it is no address of the web, or names one that is not allowed.
    """
    host = taken_apart(url).host
    try:
        address = ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError:
        return  # a name; what it stands for is checked whenever something is sent
    if not reach.allows(address):
        raise Invalid("the address leads into a private network", hint=_HINT)


def looked_up(target: Target, reach: Reach) -> list[str]:
    """The numbers to connect to, the best first.

    Raises:
        NotDelivered: the name stands for nothing, or for an address that is not allowed.
        Misconfigured: the operator's networks are none.
    """
    try:
        found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NotDelivered(f"{target.host} is not known") from error
    numbers = [str(each[4][0]).partition("%")[0] for each in found]
    if not all(reach.allows(ip_address(number)) for number in numbers):
        raise NotDelivered(f"{target.host} leads into a private network, where nothing is sent")
    return list(dict.fromkeys(numbers))
