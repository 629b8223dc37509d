"""Where a host's name leads, and whether a hook may be called there."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from tidegate.errors import CallFailed, CallRefused

Place = tuple[socket.AddressFamily, str]
"""Family and address, as text."""

NAT64 = IPv6Network("64:ff9b::/96")
"""Addresses that gateways turn into the IPv4 address at their end. Source: RFC 6052, 2.1."""


def places(host: str, port: int, *, public_only: bool) -> Sequence[Place]:
    """
    Look a host up, once, and return the addresses to connect to.

    With `public_only`, one that leads to any address that is not public is refused as a whole: it would be
    chance which one is called. Errors: CallFailed when nothing is found, CallRefused.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as exc:
        raise CallFailed(f"{host} cannot be looked up: {getattr(exc, 'strerror', None) or exc}") from exc
    known = list(dict.fromkeys((family, str(place[0])) for family, _, _, _, place in found))
    if public_only and not all(is_public(address) for _, address in known):
        raise CallRefused(
            f"{host} leads to an address that is not public;"
            " name another host, or let the operator set hook_addresses to any"
        )
    return known


def is_public(address: str) -> bool:
    """Whether an address is that of a host of the public internet, and so is whatever it carries."""
    found = ip_address(address.partition("%")[0])
    return all(each.is_global and not each.is_multicast for each in _unwrapped(found))


def _unwrapped(address: IPv4Address | IPv6Address) -> Sequence[IPv4Address | IPv6Address]:
    """Return the addresses that one stands for: itself, or what it carries."""
    if isinstance(address, IPv4Address):
        return [address]
    if address.ipv4_mapped is not None:
        return [address.ipv4_mapped]
    carried = [address.sixtofour, *(address.teredo or ())]
    if address in NAT64:
        carried.append(IPv4Address(int(address) & 0xFFFF_FFFF))
    return [address, *(each for each in carried if each is not None)]
