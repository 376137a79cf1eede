"""The connection to Neo4j: its transactions have a time limit, and its errors say whether the rows are at fault."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import neo4j
from neo4j.exceptions import AuthError, DriverError, Neo4jError, ServiceUnavailable

from chalicelib.graph.connection import connect, is_tls_error
from chalicelib.graph.cypher import (
    CONSTRAINTS,
    INDEXES,
    NEEDLESS,
    ONLINE,
    PROJECT,
    READ_STATE,
    SCHEMA,
    SEALED,
    VERSION,
    Changes,
)
from chalicelib.graph.errors import GraphUnavailableError, RowsBusyError, RowsRefusedError, judge

__all__ = ["Graph", "GraphUnavailableError", "RowsBusyError", "RowsRefusedError", "connect", "judge", "write_within"]

MAX_CHECKS = 3
TRANSACTION_SECONDS = 10  # enforced by the server; below Postgres' limit for a transaction that waits for us


class Graph:
    """A driver for the graph, created when first needed; unusable once abandoned."""

    def __init__(self, connect: Callable[[], neo4j.Driver]) -> None:
        """Take the function that creates the driver: called when needed, and again if its settings may be old."""
        self._connect = connect
        self._driver: neo4j.Driver | None = None
        self._epoch = ""
        self.abandoned = False

    def prepare(self, seconds: int = 60) -> None:
        """Create the uniqueness constraints and the indexes, and wait until they are online, so long for each.

        Neo4j's own index of edges by type is dropped: the others are filled faster with it, and nothing else reads it.
        Then run the projection once without rows: a server that has just started plans it here, and no worker waits.
        Raises GraphUnavailableError.
        """
        for text in CONSTRAINTS.values():
            self.run_schema([text], seconds)
        self.run_schema(INDEXES.values(), seconds)
        try:
            with self._session() as session:
                session.run(neo4j.Query("CALL db.awaitIndexes($seconds)", timeout=seconds), seconds=seconds).consume()
                for name in session.run(NEEDLESS).value():
                    session.run("DROP INDEX $name IF EXISTS", name=name).consume()
                session.run(PROJECT, claim={"users": [], "epoch": ""}).consume()
        except RowsRefusedError as error:
            raise GraphUnavailableError(str(error)) from error

    def run_schema(self, texts: Iterable[str], seconds: int) -> None:
        """Create constraints or indexes unless they exist, within these seconds; raises GraphUnavailableError.

        Indexes are filled in the background, those of one call side by side.
        """
        try:
            with self.transaction(seconds) as transaction:
                for text in texts:
                    transaction.run(text).consume()
        except RowsRefusedError as error:
            raise GraphUnavailableError(str(error)) from error

    def has_schema(self) -> bool:
        """Return whether all constraints and indexes are there and online."""
        with self._session() as session:
            return _has_schema(session)

    def write(self, changes: Changes, confirm_lease: Callable[[], None] = lambda: None) -> None:
        """Apply the changes, all or none; applied again, or in another order, they give the same graph.

        The graph's constraints and version are checked once per epoch, the watermark's time: about once a minute. In a
        new epoch `confirm_lease` must raise if the lease that the rows were read under is lost: an erasure begins an
        epoch, so a writer that was paused before it, for however long, does not write erased rows after it.
        Raises GraphUnavailableError if the rows are not at fault, and RowsRefusedError if they may be.
        """
        with self._session() as session:
            if self._epoch and self._project(session, changes, self._epoch):
                return
            for _ in range(MAX_CHECKS):  # catch-up may move the watermark between a check and the write
                epoch = self._check(session)
                confirm_lease()
                self._epoch = epoch
                if self._project(session, changes, self._epoch):
                    return
            raise GraphUnavailableError("it becomes another graph again and again")

    def _check(self, session: neo4j.Session) -> str:
        """Return the graph's epoch, empty if it has none; raise GraphUnavailableError if it must not be written to."""
        # Read before the checks, compared by the write: what was checked is what is written to.
        state = session.run(READ_STATE).single(strict=True)
        if not _has_schema(session):
            raise GraphUnavailableError("its constraints and indexes are not online")
        if state["version"] == SEALED:
            raise GraphUnavailableError("an offline rebuild of it is under way")
        # During a deploy, and after a rollback, older code must not write its version into a newer graph.
        if (state["version"] or 0) > VERSION:
            raise GraphUnavailableError("it was made by newer code")
        return state["epoch"] or ""

    def _project(self, session: neo4j.Session, changes: Changes, epoch: str) -> bool:
        """Write in a transaction of one statement, in one round trip; return False if the epoch is another one."""
        if self.abandoned:
            raise GraphUnavailableError("abandoned")
        text = neo4j.Query(PROJECT, timeout=TRANSACTION_SECONDS)
        return bool(session.run(text, claim={"users": changes.users, "epoch": epoch}).single(strict=True)["events"])

    def check_writable(self) -> None:
        """Raise GraphUnavailableError if the graph takes no write at all: then no row is at fault for a refusal."""
        try:
            with self.transaction() as transaction:
                transaction.run("CREATE (p:Probe) DELETE p").consume()
        except RowsRefusedError as error:
            raise GraphUnavailableError(str(error)) from error

    def delete_batch(self, text: str, limit: int, **parameters: object) -> tuple[int, bool]:
        """Run a deletion with this `$limit`, or a lower one if that is too much for one transaction.

        Return how many elements it deleted and whether there may be more. Raises as `write` does.
        """
        while True:
            try:
                with self.transaction() as transaction:
                    deleted = transaction.run(text, parameters, limit=limit).single(strict=True)["deleted"]
            except RowsRefusedError:
                if limit == 1:
                    raise
                limit = max(1, limit // 8)
            else:
                return deleted, deleted == limit

    def close(self) -> None:
        """Close the driver, if there is one."""
        driver, self._driver = self._driver, None
        if driver is not None:
            driver.close()

    def abandon(self) -> None:
        """Drop the driver while a thread is stuck on it: that thread starts no further transaction."""
        self.abandoned = True
        self._drop_driver()

    def _drop_driver(self) -> None:
        driver, self._driver = self._driver, None
        if driver is not None:
            # Closing sends a message to the server, and blocks while the server is frozen.
            threading.Thread(target=driver.close, daemon=True).start()

    @contextmanager
    def transaction(self, seconds: float = TRANSACTION_SECONDS) -> Iterator[neo4j.Transaction]:
        """Yield a transaction that the server ends after these seconds; commit it unless the block rolled it back."""
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
            if isinstance(error, AuthError | ServiceUnavailable) or is_tls_error(error):
                self._drop_driver()
            raise judge(error) from error


def _has_schema(session: neo4j.Session) -> bool:
    return bool(session.run(ONLINE, names=SCHEMA).single(strict=True)["online"] == len(SCHEMA))


def write_within(transaction: neo4j.Transaction, changes: Changes) -> None:
    """Apply the changes as a part of this transaction, whatever the graph's state is."""
    epoch = transaction.run(READ_STATE).single(strict=True)["epoch"] or ""
    transaction.run(PROJECT, claim={"users": changes.users, "epoch": epoch}).consume()
