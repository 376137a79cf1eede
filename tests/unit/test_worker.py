"""Of a batch, what can be stored is stored, poison is buried with its reason, and the rest comes again."""

import json
from typing import Any

import neo4j
import psycopg
import pytest

from chalicelib.graph.client import Graph
from chalicelib.interaction import Interaction
from chalicelib.queue import encode
from chalicelib.worker import Worker
from tests.fakes import FakeLedger, FakeQueue
from tests.samples import ARTIFACT, interaction


def no_graph() -> neo4j.Driver:
    raise AssertionError("nothing is in the outbox")


@pytest.fixture
def worker(ledger: FakeLedger, queue: FakeQueue) -> Worker:
    return Worker(open_ledger=lambda: ledger, open_graph=lambda: Graph(no_graph), dead_letters=queue)


def batch(*bodies: str) -> dict[str, Any]:
    return {"Records": [{"messageId": f"m{number}", "body": body} for number, body in enumerate(bodies)]}


def failed(result: dict[str, Any]) -> list[str]:
    return [item["itemIdentifier"] for item in result["batchItemFailures"]]


def numbered(number: int) -> Interaction:
    return interaction("peel", artifact_id=f"{ARTIFACT}-{number}")


def changed(**fields: Any) -> str:
    message = json.loads(encode(interaction()))
    message["interactions"][0] |= fields
    return json.dumps(message)


def test_a_sound_batch_is_stored(worker: Worker, ledger: FakeLedger) -> None:
    assert failed(worker.handle(batch(*(encode(numbered(n)) for n in range(10))))) == []
    assert set(ledger.rows) == {numbered(n).id for n in range(10)}


def test_a_message_may_carry_several_interactions(worker: Worker, ledger: FakeLedger) -> None:
    worker.handle(batch(encode(numbered(1), numbered(2))))
    assert len(ledger.rows) == 2


@pytest.mark.parametrize(
    ("poison", "reason"),
    [
        ("", "not_json"),
        ("{", "not_json"),
        ("[" * 100_000, "not_json"),
        ("[]", "refused"),
        ('{"version": 1, "interactions": []}', "refused"),
        (changed(id="x"), "refused"),
        (changed(timestamp="now"), "refused"),
        (changed(surplus=1), "refused"),
        (changed(kind="levitate", timestamp="now"), "refused"),
        (changed(kind=[]), "refused"),
        (changed(timestamp=10**30), "refused"),
        (changed(received_at=-(10**18)), "refused"),
        (changed(user_id="u" * 257), "refused"),
        (changed(user_id="a\0"), "refused"),
        (changed(artifact_id="a\0"), "refused"),
        (changed(artifact_id="\ud800"), "refused"),
        (encode(interaction()).replace('"version":1', '"version":"1"'), "refused"),
        (encode(interaction()).replace('"version":1', '"version":true'), "refused"),
    ],
)
def test_poison_is_buried_with_its_reason_and_holds_nothing_up(
    worker: Worker, ledger: FakeLedger, queue: FakeQueue, poison: str, reason: str
) -> None:
    assert failed(worker.handle(batch(encode(numbered(1)), poison, encode(numbered(2))))) == []
    assert set(ledger.rows) == {numbered(1).id, numbered(2).id}
    assert (queue.bodies, queue.reasons) == ([poison], [reason])


@pytest.mark.parametrize(
    "newer", [changed(kind="levitate"), encode(interaction()).replace('"version":1', '"version":2')]
)
def test_a_message_of_newer_code_comes_again(worker: Worker, queue: FakeQueue, newer: str) -> None:
    assert failed(worker.handle(batch(encode(numbered(1)), newer))) == ["m1"]
    assert queue.bodies == []


def test_a_row_with_a_data_error_is_found_and_buried(worker: Worker, ledger: FakeLedger, queue: FakeQueue) -> None:
    class NumericValueOutOfRangeError(psycopg.DataError):
        sqlstate = "22003"

    ledger.refused[numbered(5).id] = NumericValueOutOfRangeError
    assert failed(worker.handle(batch(*(encode(numbered(n)) for n in range(8))))) == []
    assert set(ledger.rows) == {numbered(n).id for n in range(8) if n != 5}
    assert (queue.bodies, queue.reasons) == ([encode(numbered(5))], ["data_error"])


@pytest.mark.parametrize("refusal", [psycopg.DataError, OverflowError, psycopg.errors.ProgramLimitExceeded])
def test_what_blames_the_row_itself_is_buried_and_holds_nothing_up(
    worker: Worker, ledger: FakeLedger, queue: FakeQueue, refusal: type[Exception]
) -> None:
    ledger.refused[numbered(1).id] = refusal
    assert failed(worker.handle(batch(*(encode(numbered(n)) for n in range(3))))) == []
    assert (len(ledger.rows), queue.reasons) == (2, ["data_error"])


def test_a_row_refused_for_any_other_cause_comes_again(worker: Worker, ledger: FakeLedger, queue: FakeQueue) -> None:
    class UndefinedColumnError(psycopg.ProgrammingError):
        sqlstate = "42703"

    ledger.refused[numbered(0).id] = UndefinedColumnError
    assert failed(worker.handle(batch(*(encode(numbered(n)) for n in range(3))))) == ["m0"]
    assert queue.bodies == []


def test_a_batch_comes_again_whole_when_postgres_is_away(worker: Worker, ledger: FakeLedger, queue: FakeQueue) -> None:
    ledger.away = True
    with pytest.raises(psycopg.OperationalError):
        worker.handle(batch(encode(numbered(1)), "poison"))
    assert queue.bodies == []


def test_poison_that_cannot_be_buried_comes_again(ledger: FakeLedger) -> None:
    worker = Worker(
        open_ledger=lambda: ledger, open_graph=lambda: Graph(no_graph), dead_letters=FakeQueue(reachable=False)
    )
    assert failed(worker.handle(batch("poison", encode(numbered(1))))) == ["m0"]
    assert set(ledger.rows) == {numbered(1).id}
