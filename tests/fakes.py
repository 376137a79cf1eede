"""Stand-ins for unit tests; each passes the contract tests that the real part passes too."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import psycopg

from chalicelib.interaction import Interaction
from chalicelib.ledger.ledger import Ledger, Row, Stored
from chalicelib.queue import QueueUnavailableError


class FakeQueue:
    """A queue in memory; it can be unreachable."""

    def __init__(self, *, reachable: bool = True) -> None:
        self.reachable = reachable
        self.bodies: list[str] = []
        self.reasons: list[str | None] = []

    def send(self, body: str, *, reason: str | None = None) -> None:
        if not self.reachable:
            raise QueueUnavailableError("unreachable")
        self.bodies.append(body)
        self.reasons.append(reason)


class FakeLedger(Ledger):
    """A ledger in memory, that can refuse chosen interactions, with an SQLSTATE each, or be away."""

    def __init__(self) -> None:
        super().__init__(conninfo=lambda: "")
        self.rows: dict[str, Interaction] = {}
        self.refused: dict[str, type[Exception]] = {}
        self.away = False

    def store(self, interactions: Sequence[Interaction]) -> Stored:
        if self.away:
            raise psycopg.OperationalError("away")
        for interaction in interactions:
            if interaction.id in self.refused:
                raise self.refused[interaction.id]
        before = len(self.rows)
        self.rows |= {interaction.id: interaction for interaction in interactions}
        stored = len(self.rows) - before
        return Stored(stored=stored, repeated=len(interactions) - stored, erased=0)

    @contextmanager
    def claim(self) -> Iterator[list[Row]]:
        yield []
