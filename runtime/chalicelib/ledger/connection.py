"""One connection to Postgres: opened when first needed, reopened after it broke, cut when a thread is stuck on it."""

import os
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, LiteralString, TypeVar

import botocore
import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.rows import RowFactory

LOOPBACK_HOSTS = ("127.0.0.1", "::1", "localhost")
PUBLIC_AUTHORITIES = str(Path(botocore.__file__).with_name("cacert.pem"))  # libpq's own OpenSSL looks for none here

# Either side notices within seconds that the other is gone.
KEEPALIVE: dict[str, Any] = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 2,
    "tcp_user_timeout": 10_000,
}

T = TypeVar("T")


def conninfo(secret: Mapping[str, Any]) -> str:
    """Return the connection string for psycopg, from a secret with RDS's keys and, optionally, libpq's keys for TLS.

    Raises as `tls` does.
    """
    return make_conninfo(
        host=secret["host"],
        port=secret["port"],
        dbname=secret["dbname"],
        user=secret["username"],
        password=secret["password"],
        **tls(secret),
    )


def tls(secret: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings for TLS, under libpq's names: the server must prove to be the secret's host.

    The secret can name the file of its authorities, `sslrootcert`; otherwise they are those of public certificates.
    Only a server on this machine may do without: "sslmode": "disable". It must then prove to know the password, so that
    nobody else who listens at its port gets it. Raises ValueError for any other mode.
    """
    mode = secret.get("sslmode", "verify-full")
    if mode == "verify-full":
        return {"sslmode": mode, "sslrootcert": secret.get("sslrootcert", PUBLIC_AUTHORITIES)}
    if mode == "disable" and secret["host"] in LOOPBACK_HOSTS:
        return {"sslmode": mode, "require_auth": "scram-sha-256"}
    raise ValueError(f"the Postgres secret has sslmode {mode!r}: leave it out, so that the certificate is verified")


def read_row(
    connection: psycopg.Connection, sql: LiteralString, values: Mapping[str, Any] | Sequence[Any] = ()
) -> tuple[Any, ...]:
    """Return the one row of a statement that always gives one; raises LookupError if it gives none."""
    row = connection.execute(sql, values).fetchone()
    if row is None:
        raise LookupError("the statement gave no row")
    return row


class Database:
    """A connection on which each statement is its own transaction, except within `connection.transaction()`."""

    def __init__(self, conninfo: Callable[[], str]) -> None:
        """Take the function that returns the connection string: called at every connect, since passwords change."""
        self._conninfo = conninfo
        self._connection: psycopg.Connection | None = None
        self.abandoned = False

    @property
    def connection(self) -> psycopg.Connection:
        """A connection that answers: a Lambda function that slept may have lost it. Raises psycopg.OperationalError."""
        if self._connection is not None and not _answers(self._connection):
            self.close()
        return self._opened()

    def repeatable(self, work: Callable[[psycopg.Connection], T]) -> T:
        """Do work without the look whether the connection answers; do it again on a new one if this one was lost.

        So the work must be safe to repeat. Raises psycopg.OperationalError if the new connection fails too.
        """
        first = self._opened()
        try:
            return work(first)
        except psycopg.OperationalError:
            if not first.closed or self.abandoned:
                raise
        self.close()
        return work(self._opened())

    @contextmanager
    def begun_with(
        self, sql: LiteralString, values: Mapping[str, Any], row_factory: RowFactory[T]
    ) -> Iterator[list[T]]:
        """Yield the rows of a statement that begins a transaction, both in one round trip.

        At the end of the block it is committed, or rolled back if the block raises. The connection is as in
        `repeatable`: the statement must be safe to repeat after a rollback.
        """

        def begin(connection: psycopg.Connection) -> list[T]:
            with connection.cursor(row_factory=row_factory) as cursor:
                try:
                    with connection.pipeline():
                        connection.execute("BEGIN")
                        cursor.execute(sql, values)
                    return cursor.fetchall()
                except psycopg.Error:
                    _roll_back(connection)
                    raise

        rows = self.repeatable(begin)
        connection = self._opened()
        try:
            yield rows
            connection.execute("COMMIT")
        except BaseException:
            _roll_back(connection)
            raise

    def _opened(self) -> psycopg.Connection:
        if self.abandoned:
            raise psycopg.OperationalError("abandoned")
        if self._connection is None:
            self._connection = psycopg.connect(self._conninfo(), autocommit=True, connect_timeout=5, **KEEPALIVE)
        return self._connection

    def keep_transaction(self) -> None:
        """Keep the transaction from its idle time-out of 15 s.

        Raises psycopg.OperationalError when it has ended: its claim or lock is then lost, and the caller must stop.
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
        """Cut the connection for good while a thread is stuck on it: Postgres rolls back its transaction."""
        self.abandoned = True
        if self._connection is not None and not self._connection.closed:
            with socket.socket(fileno=os.dup(self._connection.fileno())) as wire:
                wire.shutdown(socket.SHUT_RDWR)


def _roll_back(connection: psycopg.Connection) -> None:
    with suppress(psycopg.OperationalError):  # of a lost connection Postgres rolls back by itself
        connection.rollback()


def _answers(connection: psycopg.Connection) -> bool:
    try:
        connection.execute("")
    except psycopg.OperationalError:
        return False
    return True
