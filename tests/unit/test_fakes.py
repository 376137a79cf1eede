"""The fakes pass the contract tests of the real parts."""

from collections.abc import Callable

import psycopg
import pytest

from chalicelib.interaction import Interaction
from tests.contracts import LedgerContract, QueueContract
from tests.fakes import FakeLedger, FakeQueue
from tests.samples import interaction


class TestFakeQueue(QueueContract):
    @pytest.fixture
    def received(self, queue: FakeQueue) -> Callable[[], list[str]]:
        return lambda: queue.bodies

    @pytest.fixture
    def unavailable_queue(self) -> FakeQueue:
        return FakeQueue(available=False)


class TestFakeLedger(LedgerContract):
    @pytest.fixture
    def stored_ids(self, ledger: FakeLedger) -> Callable[[], set[str]]:
        return lambda: set(ledger.rows)

    @pytest.fixture
    def refused(self, ledger: FakeLedger) -> Interaction:
        one = interaction("keep", artifact_id="refused")
        ledger.refused[one.id] = psycopg.DataError
        return one
