"""One connection to Postgres: opened when first needed, anew after it broke, cut when a thread is stuck on it."""

import os
import socket
from collections.abc import Callable, Mapping
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

# A peer that vanished is noticed within seconds, by either side.
KEEPALIVE: dict[str, Any] = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 2,
    "tcp_user_timeout": 10_000,
}


def conninfo(secret: Mapping[str, Any]) -> str:
    """Return what psycopg connects with, from a secret with RDS's keys and, where it has them, libpq's for TLS."""
    return make_conninfo(
        host=secret["host"],
        port=secret["port"],
        dbname=secret["dbname"],
        user=secret["username"],
        password=secret["password"],
        **tls(secret),
    )


def tls(secret: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the secret says of TLS, under libpq's names."""
    return {name: secret[name] for name in ("sslmode", "sslrootcert") if name in secret}


class Database:
    """A connection whose every statement is a transaction of its own unless in `connection.transaction()`."""

    def __init__(self, conninfo: Callable[[], str]) -> None:
        """Take what tells where the ledger is; it is asked at every connect, since passwords change."""
        self._conninfo = conninfo
        self._connection: psycopg.Connection | None = None
        self.abandoned = False

    @property
    def connection(self) -> psycopg.Connection:
        """The connection, seen to answer: a function that slept may have lost it. Raises psycopg.OperationalError."""
        if self.abandoned:
            raise psycopg.OperationalError("abandoned")
        if self._connection is not None and not _answers(self._connection):
            self.close()
        if self._connection is None:
            self._connection = psycopg.connect(self._conninfo(), autocommit=True, connect_timeout=5, **KEEPALIVE)
        return self._connection

    def keep_transaction(self) -> None:
        """Show Postgres, within a transaction, that we are alive: it ends one that is idle for 15 s.

        Raises psycopg.OperationalError when it has ended: what held a claim or a lock does not go on without.
        """
        if self._connection is None:
            raise psycopg.OperationalError("the transaction is lost")
        self._connection.execute("")

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def abandon(self) -> None:
        """Cut the connection for good, under a thread that is stuck: Postgres rolls back what it held."""
        self.abandoned = True
        if self._connection is not None and not self._connection.closed:
            with socket.socket(fileno=os.dup(self._connection.fileno())) as wire:
                wire.shutdown(socket.SHUT_RDWR)


def _answers(connection: psycopg.Connection) -> bool:
    try:
        connection.execute("")
    except psycopg.OperationalError:
        return False
    return True
