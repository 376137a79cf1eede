"""Fakes for unit tests; each passes the contract tests of the real part."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import psycopg

from chalicelib.interaction import Interaction
from chalicelib.ledger.erasures import Erased
from chalicelib.ledger.ledger import Ledger, Row, Stored
from chalicelib.queue import QueueUnavailableError


class FakeQueue:
    """A queue in memory; it can be unavailable."""

    def __init__(self, *, available: bool = True) -> None:
        self.available = available
        self.bodies: list[str] = []
        self.reasons: list[str | None] = []

    def send(self, body: str, *, reason: str | None = None) -> None:
        if not self.available:
            raise QueueUnavailableError("unavailable")
        self.bodies.append(body)
        self.reasons.append(reason)


class FakeLedger(Ledger):
    """A ledger in memory with an empty outbox; it can be unavailable, and raise an error for chosen interactions."""

    def __init__(self) -> None:
        super().__init__(conninfo=lambda: "")
        self.rows: dict[str, Interaction] = {}
        self.refused: dict[str, type[Exception]] = {}
        self.erasures: dict[str, Erased] = {}
        self.available = True
        self.claims = 0
        self.claim_error: Exception | None = None

    def store(self, interactions: Sequence[Interaction]) -> Stored:
        if not self.available:
            raise psycopg.OperationalError("unavailable")
        for interaction in interactions:
            if interaction.id in self.refused:
                raise self.refused[interaction.id]
        before = len(self.rows)
        self.rows |= {interaction.id: interaction for interaction in interactions}
        stored = len(self.rows) - before
        return Stored(stored=stored, repeated=len(interactions) - stored, erased=0)

    def erased(self, users: Sequence[str]) -> dict[str, Erased]:
        return {user: self.erasures[user] for user in users if user in self.erasures}

    @contextmanager
    def claim(self) -> Iterator[list[Row]]:
        self.claims += 1
        if self.claim_error:
            raise self.claim_error
        yield []
