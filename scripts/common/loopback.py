"""Endpoints of AWS that a person's variables name: what is none, and what is on this machine."""

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit


def host_of(endpoint: str) -> str:
    """Return the endpoint's host, or nothing where it is no address of the web."""
    try:
        address = urlsplit(endpoint)
        _ = address.port
    except ValueError:  # brackets around what is no IPv6, or a port that is no number of one
        return ""
    return (address.hostname or "") if address.scheme in {"http", "https"} else ""


def is_here(host: str) -> bool:
    """Tell whether the host is this machine; one that cannot be found is not."""
    try:
        addresses = [ip_address(host)]
    except ValueError:
        addresses = _looked_up(host)
    return any(map(_loops_back, addresses))


def _looked_up(host: str) -> list[IPv4Address | IPv6Address]:
    try:
        return [ip_address(found[4][0]) for found in socket.getaddrinfo(host, None)]
    except (OSError, ValueError):  # no such name, or a text that can be none
        return []


def _loops_back(address: IPv4Address | IPv6Address) -> bool:
    inner = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    meant = inner or address
    return meant.is_loopback or meant.is_unspecified
