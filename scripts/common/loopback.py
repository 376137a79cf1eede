"""Which endpoints point to this machine, and sockets that listen on it."""

import errno
import socket
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

NO_IPV6 = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)  # of a machine without it
_TRIES = 20  # at a port that the system chooses


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


def listen(port: int) -> list[socket.socket]:
    """Listen at both of loopback's addresses: what `localhost` means first, nobody else may answer at.

    For port 0 the system chooses one that is free at both. Raises OSError if it is taken at either.
    """
    for _ in range(_TRIES if port == 0 else 1):
        first = socket.create_server(("127.0.0.1", port))
        try:
            return [first, socket.create_server(("::1", first.getsockname()[1]), family=socket.AF_INET6)]
        except OSError as error:
            if error.errno in NO_IPV6:
                return [first]
            first.close()
            taken = error
    raise taken
