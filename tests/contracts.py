"""What fake and real parts have in common: tests/unit runs it on the fakes, tests/integration on the real ones."""

import json
from collections.abc import Callable

import psycopg
import pytest

from chalicelib.interaction import Interaction
from chalicelib.ledger.ledger import Ledger, Stored
from chalicelib.queue import Queue, QueueUnavailableError
from tests.samples import ARTIFACT, interaction


class QueueContract:
    """A queue keeps a message or raises."""

    def test_a_message_is_received_unchanged(self, queue: Queue, received: Callable[[], list[str]]) -> None:
        body = json.dumps({"text": "\x00 \ufffe"}) + "ünïcode 日本 😀 \x7f \u2028 \ufffd"
        queue.send(body)
        assert received() == [body]

    def test_an_unavailable_queue_raises(self, unavailable_queue: Queue) -> None:
        with pytest.raises(QueueUnavailableError):
            unavailable_queue.send("{}")


class LedgerContract:
    """A ledger stores each interaction once, and all of a batch or nothing."""

    def test_a_batch_is_stored_and_counted(self, ledger: Ledger, stored_ids: Callable[[], set[str]]) -> None:
        batch = [interaction(), interaction("peel", artifact_id=ARTIFACT)]
        assert ledger.store(batch) == Stored(stored=2, repeated=0, erased=0)
        assert stored_ids() == {one.id for one in batch}

    def test_a_repeated_interaction_is_only_counted(self, ledger: Ledger, stored_ids: Callable[[], set[str]]) -> None:
        one = interaction()
        ledger.store([one])
        assert ledger.store([one, one, interaction("workspace")]) == Stored(stored=1, repeated=2, erased=0)
        assert len(stored_ids()) == 2

    def test_with_a_refused_interaction_nothing_of_the_batch_is_stored(
        self, ledger: Ledger, refused: Interaction, stored_ids: Callable[[], set[str]]
    ) -> None:
        with pytest.raises(psycopg.DataError):
            ledger.store([interaction(), refused])
        assert stored_ids() == set()
