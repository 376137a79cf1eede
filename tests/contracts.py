"""What a fake does as the real part does: tests/unit runs it on the fakes, tests/integration on the real ones."""

import json
from collections.abc import Callable

import psycopg
import pytest

from chalicelib.interaction import Interaction
from chalicelib.ledger.ledger import Ledger, Stored
from chalicelib.queue import Queue, QueueUnavailableError
from tests.samples import ARTIFACT, interaction


class QueueContract:
    """A queue keeps what it takes, or says that it did not."""

    def test_what_is_sent_can_be_received_unchanged(self, queue: Queue, received: Callable[[], list[str]]) -> None:
        body = json.dumps({"text": "ünïcode \ufffe \x7f"})
        queue.send(body)
        assert received() == [body]

    def test_a_queue_that_cannot_be_reached_says_so(self, unreachable_queue: Queue) -> None:
        with pytest.raises(QueueUnavailableError):
            unreachable_queue.send("{}")


class LedgerContract:
    """A ledger stores each interaction once and all of a batch or none."""

    def test_a_batch_is_stored_and_counted(self, ledger: Ledger, stored_ids: Callable[[], set[str]]) -> None:
        batch = [interaction(), interaction("peel", artifact_id=ARTIFACT)]
        assert ledger.store(batch) == Stored(stored=2, repeated=0, erased=0)
        assert stored_ids() == {one.id for one in batch}

    def test_what_is_repeated_is_only_counted(self, ledger: Ledger, stored_ids: Callable[[], set[str]]) -> None:
        one = interaction()
        ledger.store([one])
        assert ledger.store([one, one, interaction("workspace")]) == Stored(stored=1, repeated=2, erased=0)
        assert len(stored_ids()) == 2

    def test_a_refused_interaction_keeps_its_whole_batch_out(
        self, ledger: Ledger, refused: Interaction, stored_ids: Callable[[], set[str]]
    ) -> None:
        with pytest.raises(psycopg.DataError):
            ledger.store([interaction(), refused])
        assert stored_ids() == set()
