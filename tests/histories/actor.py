"""A process that does the product's work on the real stores, and can be stopped or killed before any exchange with one.

Its parent sends a `Command` through a pipe and gets ("stopped", None), then ("done", result) or ("failed", error).
"""

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

import neo4j
import psycopg
from neo4j.exceptions import Neo4jError
from psycopg.conninfo import make_conninfo

from chalicelib.graph import client
from chalicelib.graph.client import Graph
from chalicelib.ledger import connection as postgres
from chalicelib.ledger.ledger import Ledger
from chalicelib.ledger.migrate import migrate_ledger
from chalicelib.operations.erasure import Erasure
from chalicelib.operations.handlers import Handlers, Limits
from chalicelib.projection.catch_up import tend
from chalicelib.queue import SqsQueue
from chalicelib.worker import Worker

CLAIM_ROWS = 20  # several claims even for some hundred rows
OLDER = """
SHOW TRANSACTIONS YIELD startTime, status WHERE startTime < $now AND NOT status STARTS WITH 'Terminated'
RETURN count(*) AS running
"""


class Fault(NamedTuple):
    """A signal that the process sends itself before an exchange with a store."""

    at: int
    """Before which exchange of the command, counted from 1."""
    signal: int
    cut: bool = False
    """Whether Postgres ends the connections of the stopped process, as it does after 15 s."""


class Command(NamedTuple):
    """What the process is asked to do."""

    name: str
    arguments: dict[str, Any]
    fault: Fault | None = None


@dataclass
class Failpoints:
    """Counts the exchanges with both stores, and sends the armed signal."""

    pipe: Connection
    fault: Fault | None = None
    count: int = 0

    def arm(self, fault: Fault | None) -> None:
        """Begin to count."""
        self.fault, self.count = fault, 0

    def before(self, method: Callable[..., Any]) -> Callable[..., Any]:
        """Return the method, counted."""

        def counted(*arguments: Any, **named: Any) -> Any:
            self.count += 1
            if self.fault and self.fault.at == self.count:
                number, self.fault = self.fault.signal, None
                if number == signal.SIGSTOP:
                    self.pipe.send(("stopped", None))
                os.kill(os.getpid(), number)
            return method(*arguments, **named)

        return counted

    def install(self) -> None:
        """Count every exchange of this process."""
        for owner, names in (
            (psycopg.Connection, ["wait"]),
            (neo4j.Session, ["run", "begin_transaction"]),
            (neo4j.Transaction, ["run", "commit", "rollback"]),
        ):
            for name in names:
                setattr(owner, name, self.before(getattr(owner, name)))


@dataclass
class Actor:
    """The work, on connections that are kept between commands."""

    number: int
    secrets: dict[str, Any]
    dead_letter_queue_url: str
    worker: Worker = field(init=False)

    def __post_init__(self) -> None:
        """Make the worker: it keeps its connections between batches."""
        self.worker = Worker(
            open_ledger=lambda: self.ledger("postgres"),
            open_graph=self.graph,
            dead_letter_queue=SqsQueue(self.dead_letter_queue_url),
        )

    def ledger(self, role: str) -> Ledger:
        """Return a ledger whose connections can be told from those of other processes."""
        name = f"actor-{self.number}"
        return Ledger(
            lambda: make_conninfo(postgres.conninfo(self.secrets[role]), application_name=name), claim_rows=CLAIM_ROWS
        )

    def graph(self) -> Graph:
        return Graph(lambda: client.connect(**self.secrets["neo4j"]))

    @cached_property
    def app(self) -> Ledger:
        """The ledger with catch-up's rights."""
        return self.ledger("postgres")

    @cached_property
    def operator(self) -> Ledger:
        """The ledger with the operators' rights."""
        return self.ledger("postgres-operator")

    @cached_property
    def kept_graph(self) -> Graph:
        """The graph of all but the worker, which opens its own."""
        return self.graph()

    @cached_property
    def own_driver(self) -> neo4j.Driver:
        """A driver to look at the server with."""
        return client.connect(**self.secrets["neo4j"])

    def deliver(self, records: list[dict[str, str]]) -> Any:
        """Handle a batch, as the queue hands it over."""
        self.worker._paused_until = 0.0  # noqa: SLF001  half a minute has passed
        return self.worker.handle({"Records": records})

    def catch_up(self) -> int:
        return tend(self.app, self.kept_graph, in_time=lambda: True)

    def rebuild(self, *, from_scratch: bool, since: str | None) -> None:
        result = Handlers(self.operator, self.kept_graph).rebuild(from_scratch=from_scratch, since=since)
        while result["cursor"] is not None:
            time.sleep(0.01)
            result = Handlers(self.operator, self.kept_graph).rebuild(cursor=result["cursor"])

    def verify(self, *, repair: bool) -> Any:
        limits = Limits(page_rows=60, share_seconds=60)
        return Handlers(self.operator, self.kept_graph, limits).verify(repair=repair)

    def erase(self, *, user_id: str) -> None:
        """Erase the user; the sweep waits until every transaction that ran in the graph has ended, and not 15 s."""
        work = Erasure(self.operator, self.kept_graph, user_id, settle_seconds=0)
        moment = work.record(None)
        cursor: dict[str, Any] | None = {"phase": "rows", "erased_at": moment.isoformat()}
        while cursor:
            if cursor["phase"] == "sweep":
                self._settle()
            cursor = work.run(cursor, lambda: True)

    def _settle(self) -> None:
        with self.own_driver.session() as session:
            now, running = None, 1
            while running:
                with suppress(Neo4jError):  # this one was ended too
                    now = now or session.run("RETURN toString(datetime.realtime()) AS now").single(strict=True)["now"]
                    running = session.run(OLDER, now=now).single(strict=True)["running"]
                time.sleep(0.005)

    def migrate(self) -> None:
        migrate_ledger(self.secrets["postgres-owner"])
        self.kept_graph.prepare()


def serve(pipe: Connection, number: int, environment: dict[str, str], secrets: dict[str, Any], queue_url: str) -> None:
    """Obey commands until the pipe closes."""
    os.environ |= environment
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    failpoints = Failpoints(pipe)
    failpoints.install()
    actor = Actor(number, secrets, queue_url)
    while True:
        try:
            command: Command = pipe.recv()
        except EOFError:
            return
        failpoints.arm(command.fault)
        try:
            result = getattr(actor, command.name)(**command.arguments)
        except Exception as error:  # noqa: BLE001  the parent judges it
            pipe.send(("failed", f"{type(error).__name__}: {error}"))
        else:
            pipe.send(("done", result))
        failpoints.arm(None)
