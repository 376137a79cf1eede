"""Drivers for Neo4j: only to a server that proves who it is, and with a time-out for every wait."""

import ssl
from typing import Any
from urllib.parse import urlsplit

import neo4j

from chalicelib.graph.errors import GraphUnavailableError

VERIFYING_SCHEMES = ("neo4j+s", "bolt+s")
LOOPBACK_HOSTS = ("127.0.0.1", "::1", "localhost")


def is_tls_error(error: BaseException | None) -> bool:
    """Return whether the server's certificate is not the one in the secret: it may have a new one."""
    return error is not None and (isinstance(error, ssl.SSLError) or is_tls_error(error.__cause__))


def connect(uri: str, username: str, password: str, certificate: str | None = None) -> neo4j.Driver:
    """Return a driver that has a time-out for every wait; it does not connect yet.

    `certificate` (PEM) is the server's, or its authority's; with it the URI's scheme has no "+s". Raises
    GraphUnavailableError if the server would not have to prove who it is: only one on this machine need not.
    """
    address = urlsplit(uri)
    if not (certificate or address.scheme in VERIFYING_SCHEMES or address.hostname in LOOPBACK_HOSTS):
        raise GraphUnavailableError("its secret has neither a certificate nor a URI with neo4j+s://")
    trust: dict[str, Any] = {"ssl_context": ssl.create_default_context(cadata=certificate)} if certificate else {}
    return neo4j.GraphDatabase.driver(
        uri,
        auth=(username, password),
        **trust,
        connection_timeout=3,
        connection_acquisition_timeout=5,
        liveness_check_timeout=30,
        max_connection_pool_size=4,
        notifications_min_severity="OFF",
        telemetry_disabled=True,
    )
