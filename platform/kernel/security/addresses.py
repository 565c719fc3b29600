"""Which addresses may be called: public ones, and what the operator allows by name.

A pure decision about a numeric address, made when the socket is opened, so no spelling of a host
and no second answer of a name server can get around it. Sources: the IANA special-purpose address
registries (RFC 6890 and its updates); tunnels that carry another address inside (RFC 4291 mapped,
RFC 6052 NAT64, RFC 3056 6to4, RFC 4380 Teredo) are refused as a whole.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

REFUSED_V4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",
    )
)
GLOBAL_V6 = IPv6Network("2000::/3")
"""The only IPv6 space given out for the public internet; loopback, link-local, unique-local,
site-local, mapped, NAT64 and multicast addresses all lie outside of it."""
REFUSED_V6 = tuple(
    IPv6Network(text) for text in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
)


class BadAllowance(ValueError):
    """An entry of CROSSDOCK_EGRESS_ALLOW can't be read; the message shows how to write it."""


def is_public(address: Address) -> bool:
    """Whether the address belongs to the public internet."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in REFUSED_V4)
    return address in GLOBAL_V6 and not any(address in network for network in REFUSED_V6)


@dataclass(frozen=True, slots=True)
class Policy:
    """What the operator allows beyond the public internet.

    ``networks``: any port. ``places``: (host as written in the URL or numeric address, port).
    """

    networks: tuple[Network, ...] = ()
    places: frozenset[tuple[str, int]] = frozenset()

    @classmethod
    def of(cls, entries: Iterable[str]) -> Policy:
        """From "10.0.0.0/8", "erp.internal:8069", "127.0.0.1:8069", "[::1]:80"."""
        networks, places = [], set()
        for entry in entries:
            if "/" in entry:
                networks.append(_network(entry))
            else:
                places.add(_place(entry))
        return cls(tuple(networks), frozenset(places))

    def permits(self, numeric: str, port: int, host: str) -> bool:
        """May a socket to this numeric address be opened for a URL that names ``host``?"""
        try:
            address = ip_address(numeric.partition("%")[0])
        except ValueError:
            return False
        if is_public(address) or (host.lower(), port) in self.places:
            return True
        if (str(address), port) in self.places:
            return True
        return any(address.version == net.version and address in net for net in self.networks)


def _network(entry: str) -> Network:
    try:
        return ip_network(entry)
    except ValueError as error:
        raise BadAllowance(f"{entry!r} is not a network: write it like 10.0.0.0/8.") from error


def _place(entry: str) -> tuple[str, int]:
    host, separator, port = entry.rpartition(":")
    if not separator or not port.isdigit() or not 0 < int(port) < 65536 or not host:
        raise BadAllowance(
            f"{entry!r} is not a place: write host:port like erp.internal:8069, or a network."
        )
    return host.strip("[]").lower(), int(port)
