"""The graph in Neo4j: transactions that are bounded in time, and whose failures say whether rows are to blame."""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import neo4j
from neo4j.exceptions import AuthError, DriverError, Neo4jError, ServiceUnavailable, TransientError

from chalicelib.graph.cypher import MADE_BY, NOTHING, ONLINE, SCHEMA, VERSION, Changes

TRANSACTION_TIMEOUT = 10  # seconds, kept by the server; below Postgres' limit for a transaction that waits for us

# EntityNotFound: a wipe is under way.
NO_FAULT_OF_ROWS = (
    "Neo.ClientError.Statement.EntityNotFound",
    "Neo.ClientError.Security.",
    "Neo.ClientError.Database.",
    "Neo.ClientError.Cluster.",
)


# The time for a lock or for the transaction was over, or somebody ended it.
BUSY = ("Neo.ClientError.Transaction.", "Neo.TransientError.Transaction.LockAcquisitionTimeout")


class GraphUnavailableError(Exception):
    """The graph takes no writes now; the rows are sound and wait."""


class RowsRefusedError(Exception):
    """The graph is well and refuses these rows, or they are too much for one transaction; the text is its code."""


class RowsBusyError(RowsRefusedError):
    """Somebody else holds what these rows touch, or they took too long: they are sound and can come later."""


class Graph:
    """A driver for the graph, made when first needed; unusable once abandoned."""

    def __init__(self, connect: Callable[[], neo4j.Driver]) -> None:
        """Take what makes the driver: called late, and again when password, certificate or address may be new."""
        self._connect = connect
        self._driver: neo4j.Driver | None = None
        self.abandoned = False

    def prepare(self) -> None:
        """Create the uniqueness constraints and the indexes, and wait until they are online: a fresh volume has none.

        Every statement is then run once on nothing, so that a server that has just started plans it here and not while
        a worker waits.
        """
        try:
            with self._session() as session:
                for text in SCHEMA.values():
                    session.run(text).consume()
                session.run("CALL db.awaitIndexes(30)").consume()
                for text, parameters in [(MADE_BY, {}), *NOTHING.statements()]:
                    session.run(text, parameters).consume()
        except RowsRefusedError as error:
            raise GraphUnavailableError(str(error)) from error

    def write(self, changes: Changes) -> None:
        """Apply the changes, all or none; applying them again, or in another order, ends in the same graph.

        Raises GraphUnavailableError when it is no fault of the rows, and RowsRefusedError when it may be.
        """
        with self.transaction() as transaction:
            online = transaction.run(ONLINE, names=list(SCHEMA)).single(strict=True)["online"]
            if online < len(SCHEMA):
                raise GraphUnavailableError("its constraints and indexes are not online")
            # In a deploy, and after one that was rolled back, old code must not mix its shapes into a new graph.
            if (transaction.run(MADE_BY).single(strict=True)["version"] or 0) > VERSION:
                raise GraphUnavailableError("it was made by newer code")
            for text, parameters in changes.statements():
                transaction.run(text, parameters).consume()

    def check_writable(self) -> None:
        """Raise GraphUnavailableError if the graph takes no write at all: then no row is to blame for a refusal."""
        try:
            with self.transaction() as transaction:
                transaction.run("CREATE (p:Probe) DELETE p").consume()
        except RowsRefusedError as error:
            raise GraphUnavailableError(str(error)) from error

    def delete_batch(self, text: str, most: int, **parameters: object) -> tuple[int, bool]:
        """Run a deletion with its `$limit`, lower where that is too much for one transaction, or takes it too long.

        Return how many went and whether there may be more. Raises as `write` does.
        """
        while True:
            try:
                with self.transaction() as transaction:
                    deleted = transaction.run(text, parameters, limit=most).single(strict=True)["deleted"]
            except RowsRefusedError:
                if most == 1:
                    raise
                most = max(1, most // 8)
            else:
                return deleted, deleted == most

    def close(self) -> None:
        """Close the driver, if there is one."""
        driver, self._driver = self._driver, None
        if driver is not None:
            driver.close()

    def abandon(self) -> None:
        """Let go of it under a thread that is stuck: that thread starts no further transaction."""
        self.abandoned = True
        self._let_go()

    def _let_go(self) -> None:
        driver, self._driver = self._driver, None
        if driver is not None:
            # Closing says goodbye to the server, and that blocks while the server is frozen.
            threading.Thread(target=driver.close, daemon=True).start()

    @contextmanager
    def transaction(self, seconds: float = TRANSACTION_TIMEOUT) -> Iterator[neo4j.Transaction]:
        """Yield a transaction that the server ends after these seconds; commit it, unless the block rolled it back."""
        with self._session() as session, session.begin_transaction(timeout=seconds) as transaction:
            if self.abandoned:
                raise GraphUnavailableError("abandoned")
            yield transaction
            if not transaction.closed():
                transaction.commit()

    @contextmanager
    def _session(self) -> Iterator[neo4j.Session]:
        try:
            if self._driver is None:
                self._driver = self._connect()
            with self._driver.session() as session:
                yield session
        except (Neo4jError, DriverError) as error:
            if isinstance(error, AuthError | ServiceUnavailable) or _is_mistrust(error):
                self._let_go()
            raise _judged(error) from error


def _is_mistrust(error: BaseException | None) -> bool:
    """Tell whether the server showed a certificate that is not the one we were told of: it may have a new one."""
    return error is not None and (isinstance(error, ssl.SSLError) or _is_mistrust(error.__cause__))


def _judged(error: Neo4jError | DriverError) -> GraphUnavailableError | RowsRefusedError:
    """Tell whether rows may be at fault. Only the error's code is kept: its text can quote what people wrote."""
    code = (error.code if isinstance(error, Neo4jError) else None) or type(error).__name__
    too_much = "OutOfMemory" in code  # it calls itself transient, and comes again for the same rows
    passing = isinstance(error, DriverError | TransientError) or code.startswith(NO_FAULT_OF_ROWS)
    if code.startswith(BUSY) and not too_much:
        return RowsBusyError(code)
    return GraphUnavailableError(code) if passing and not too_much else RowsRefusedError(code)


def connect(uri: str, username: str, password: str, certificate: str | None = None) -> neo4j.Driver:
    """Return a driver whose every wait is bounded; nothing is sent yet.

    `certificate` (PEM) is the one that the server must show, or its authority's; it takes a URI without "+s".
    """
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
