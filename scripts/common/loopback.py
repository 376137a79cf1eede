"""AWS endpoints in environment variables: which are valid URLs, and which point to this machine."""

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit


def parse_host(endpoint: str) -> str:
    """Return the host of an http or https URL, and an empty text for anything else."""
    try:
        url = urlsplit(endpoint)
        _ = url.port
    except ValueError:  # brackets without an IPv6 address, or an impossible port
        return ""
    return (url.hostname or "") if url.scheme in {"http", "https"} else ""


def is_loopback(host: str) -> bool:
    """Tell whether the host is this machine; a host that cannot be resolved is not."""
    try:
        addresses = [ip_address(host)]
    except ValueError:
        addresses = _resolve(host)
    return any(map(_is_loopback_address, addresses))


def _resolve(host: str) -> list[IPv4Address | IPv6Address]:
    try:
        return [ip_address(found[4][0]) for found in socket.getaddrinfo(host, None)]
    except (OSError, ValueError):  # no such name, or not a valid name
        return []


def _is_loopback_address(address: IPv4Address | IPv6Address) -> bool:
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    actual = mapped or address
    return actual.is_loopback or actual.is_unspecified
