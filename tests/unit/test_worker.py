"""Of a batch, valid messages are stored, poison is dead-lettered with its reason, the rest is redelivered."""

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import neo4j
import psycopg
import pytest

from chalicelib.graph.client import Graph, GraphUnavailableError
from chalicelib.interaction import Interaction, microseconds
from chalicelib.ledger.erasures import Erased
from chalicelib.queue import decode, encode
from chalicelib.worker import Worker
from tests.fakes import FakeLedger, FakeQueue
from tests.metrics import metrics, values
from tests.samples import ARTIFACT, BOB, interaction


def no_graph() -> neo4j.Driver:
    raise AssertionError("the outbox is empty")


@pytest.fixture
def worker(ledger: FakeLedger, queue: FakeQueue) -> Worker:
    return Worker(open_ledger=lambda: ledger, open_graph=lambda: Graph(no_graph), dead_letter_queue=queue)


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


def days_ahead(days: int) -> int:
    return microseconds(datetime.now(UTC) + timedelta(days=days))


def test_a_valid_batch_is_stored_and_counted(
    worker: Worker, ledger: FakeLedger, capsys: pytest.CaptureFixture[str]
) -> None:
    assert failed(worker.handle(batch(*(encode(numbered(n)) for n in range(10))))) == []
    assert set(ledger.rows) == {numbered(n).id for n in range(10)}
    assert values(metrics(capsys), "Stored") == [10]


def test_a_message_may_carry_several_interactions(worker: Worker, ledger: FakeLedger) -> None:
    worker.handle(batch(encode(numbered(1), numbered(2))))
    assert len(ledger.rows) == 2


def mixed(*numbers: int, **wrong: Any) -> str:
    """Return a message of several interactions, the first of them with these fields."""
    message = json.loads(encode(*map(numbered, numbers)))
    message["interactions"][0] |= wrong
    return json.dumps(message)


def test_of_a_message_only_the_interaction_that_can_never_be_stored_is_dead_lettered(
    worker: Worker, ledger: FakeLedger, queue: FakeQueue, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = {"timestamp": "soon", "metadata": {"text": "\ud800\uffff\x7fü"}}
    assert failed(worker.handle(batch(mixed(1, 2, 3, **wrong), encode(numbered(4))))) == []
    assert set(ledger.rows) == {numbered(n).id for n in (2, 3, 4)}
    [body], reasons = queue.bodies, queue.reasons
    assert reasons == ["refused"]
    assert json.loads(body) == {**json.loads(mixed(1, **wrong)), "version": 2}
    assert body.encode()  # SQS takes it: half of a surrogate pair is escaped
    assert values(metrics(capsys), "Poison") == [1]


def test_of_a_message_only_the_row_with_a_data_error_is_dead_lettered(
    worker: Worker, ledger: FakeLedger, queue: FakeQueue
) -> None:
    for number in (5, 7):
        ledger.refused[numbered(number).id] = psycopg.errors.NumericValueOutOfRange
    assert failed(worker.handle(batch(encode(*map(numbered, range(8))), encode(numbered(8))))) == []
    assert set(ledger.rows) == {numbered(n).id for n in range(9) if n not in {5, 7}}
    assert (queue.bodies, queue.reasons) == ([encode(numbered(5)), encode(numbered(7))], ["data_error"] * 2)


def test_of_a_message_an_interaction_with_half_a_surrogate_pair_is_dead_lettered(
    worker: Worker, ledger: FakeLedger, queue: FakeQueue
) -> None:
    """Postgres refuses it. Else the whole batch would come again and again."""
    message = json.loads(encode(numbered(1), numbered(2)))
    message["interactions"][0]["metadata"] = {"text": "\ud800"}
    [bad, _] = decode(json.dumps(message)).interactions
    ledger.refused[bad.id] = psycopg.errors.InvalidTextRepresentation
    assert failed(worker.handle(batch(json.dumps(message)))) == []
    assert set(ledger.rows) == {numbered(2).id}
    assert queue.reasons == ["data_error"]
    assert decode(queue.bodies[0]).interactions == [bad]


@pytest.mark.parametrize("received_at", [0, "soon", None])
def test_poison_of_an_erased_user_is_dropped_and_what_came_after_is_kept(
    worker: Worker, ledger: FakeLedger, queue: FakeQueue, capsys: pytest.CaptureFixture[str], received_at: Any
) -> None:
    """Else a file of dead letters that is sent again brings an erased person's data back."""
    ledger.erasures[BOB] = Erased(datetime.now(UTC))
    old = changed(user_id=BOB, kind="keep", artifact_id=None, timestamp="soon", received_at=received_at)
    later = changed(user_id=BOB, timestamp="soon", received_at=microseconds(datetime.now(UTC) + timedelta(minutes=1)))
    others = [
        changed(timestamp="soon"),
        "no JSON",
        "[1]",
        changed(user_id="\ud800"),
        changed(user_id="\0"),
        changed(user_id=1),
    ]
    assert failed(worker.handle(batch(old, later, *others))) == []
    assert queue.bodies == [later, *others]
    assert values(metrics(capsys), "Erased")[-1] == 1


@pytest.mark.parametrize(
    ("with_account", "times", "kept"),
    [
        (False, {"timestamp": days_ahead(-1)}, False),
        (False, {"timestamp": days_ahead(1), "signed_in_at": days_ahead(-1)}, True),
        (True, {"signed_in_at": days_ahead(-1)}, False),
        (True, {"signed_in_at": None}, False),
        (True, {"signed_in_at": days_ahead(1), "timestamp": "soon"}, True),
    ],
)
def test_poison_of_an_erased_user_is_dropped_by_the_rule_by_which_it_would_not_be_stored(
    worker: Worker, ledger: FakeLedger, queue: FakeQueue, *, with_account: bool, times: dict[str, Any], kept: bool
) -> None:
    ledger.erasures[BOB] = Erased(datetime.now(UTC), with_account)
    given = {"received_at": days_ahead(1), "timestamp": days_ahead(1), "signed_in_at": days_ahead(1)} | times
    poison = changed(user_id=BOB, artifact_id=7, **given)
    worker.handle(batch(poison))
    assert queue.bodies == [poison] * kept


def test_no_log_holds_what_a_user_wrote(
    worker: Worker, ledger: FakeLedger, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    word = f"sentinel-{uuid.uuid4()}"
    written = interaction(metadata={"query": word}, artifact_id=word)
    for error in (psycopg.errors.NumericValueOutOfRange(word), psycopg.errors.CheckViolation(word)):
        ledger.refused[written.id] = type(error)
        worker.handle(batch(encode(written), changed(metadata=word), f"{word} is no JSON"))
    told = capsys.readouterr()
    logged = "".join(f"{record.msg} {record.__dict__}" for record in caplog.records)
    assert "the ledger refused" in logged
    assert word not in told.out + told.err + logged


def test_a_message_that_is_redelivered_keeps_its_poison(worker: Worker, ledger: FakeLedger, queue: FakeQueue) -> None:
    """Else each delivery would dead-letter it once more."""
    for number in (2, 3):
        ledger.refused[numbered(number).id] = psycopg.errors.CheckViolation
    assert failed(worker.handle(batch(mixed(1, 2, 3, 4, timestamp="soon"), encode(numbered(5))))) == ["m0"]
    assert (set(ledger.rows), queue.bodies) == ({numbered(n).id for n in (4, 5)}, [])


def test_nothing_of_a_message_of_newer_code_is_taken(worker: Worker, ledger: FakeLedger, queue: FakeQueue) -> None:
    assert failed(worker.handle(batch(mixed(1, 2, 3, kind="levitate")))) == ["m0"]
    assert (ledger.rows, queue.bodies) == ({}, [])


def test_times_of_clocks_that_are_a_day_ahead_are_stored(worker: Worker, ledger: FakeLedger, queue: FakeQueue) -> None:
    ahead = dict.fromkeys(("timestamp", "received_at", "signed_in_at"), days_ahead(1))
    assert failed(worker.handle(batch(changed(**ahead)))) == []
    assert (len(ledger.rows), queue.bodies) == (1, [])


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
        (changed(unknown=1), "refused"),
        (changed(kind="levitate", timestamp="now"), "refused"),
        (changed(kind=[]), "refused"),
        (changed(timestamp=10**30), "refused"),
        (changed(received_at=-(10**18)), "refused"),
        (changed(received_at=days_ahead(3)), "refused"),
        (changed(timestamp=days_ahead(3)), "refused"),
        (changed(signed_in_at=days_ahead(3)), "refused"),
        (changed(user_id="u" * 257), "refused"),
        (changed(user_id="a\0"), "refused"),
        (changed(artifact_id="a\0"), "refused"),
        (changed(artifact_id="\ud800"), "refused"),
        (encode(interaction()).replace('"version":2', '"version":"1"'), "refused"),
        (encode(interaction()).replace('"version":2', '"version":true'), "refused"),
    ],
)
def test_poison_is_dead_lettered_and_counted_with_its_reason(
    worker: Worker, ledger: FakeLedger, queue: FakeQueue, poison: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert failed(worker.handle(batch(encode(numbered(1)), poison, encode(numbered(2))))) == []
    assert set(ledger.rows) == {numbered(1).id, numbered(2).id}
    assert (queue.bodies, queue.reasons) == ([poison], [reason])
    [metric] = [metric for metric in metrics(capsys) if "Poison" in metric]
    assert (metric["Poison"], metric["reason"]) == ([1], reason)


@pytest.mark.parametrize(
    "newer",
    [
        changed(kind="levitate"),
        encode(interaction()).replace('"version":2', '"version":3'),
        encode(interaction()).replace('"version":2', '"version":0'),  # newer code may count anew
    ],
)
def test_a_message_of_other_code_is_redelivered(worker: Worker, queue: FakeQueue, newer: str) -> None:
    assert failed(worker.handle(batch(encode(numbered(1)), newer))) == ["m1"]
    assert queue.bodies == []


def test_a_message_of_the_release_before_is_stored(worker: Worker, ledger: FakeLedger) -> None:
    """It may be in the queue during a deploy, or come back from the dead-letter queue."""
    message = json.loads(encode(numbered(1)))
    del message["interactions"][0]["signed_in_at"]
    assert failed(worker.handle(batch(json.dumps(message | {"version": 1})))) == []
    assert ledger.rows == {numbered(1).id: numbered(1)}


def test_a_forged_message_cannot_take_the_id_of_another_interaction(worker: Worker, ledger: FakeLedger) -> None:
    forged = interaction(user_id=BOB)
    worker.handle(batch(encode(forged.model_copy(update={"id": numbered(7).id})), encode(numbered(7))))
    assert ledger.rows == {numbered(7).id: numbered(7), forged.id: forged}


def test_a_row_with_a_data_error_is_found_and_dead_lettered(
    worker: Worker, ledger: FakeLedger, queue: FakeQueue
) -> None:
    ledger.refused[numbered(5).id] = psycopg.errors.NumericValueOutOfRange
    assert failed(worker.handle(batch(*(encode(numbered(n)) for n in range(8))))) == []
    assert set(ledger.rows) == {numbered(n).id for n in range(8) if n != 5}
    assert (queue.bodies, queue.reasons) == ([encode(numbered(5))], ["data_error"])


@pytest.mark.parametrize("refusal", [psycopg.DataError, OverflowError, psycopg.errors.ProgramLimitExceeded])
def test_every_data_error_is_dead_lettered(
    worker: Worker, ledger: FakeLedger, queue: FakeQueue, refusal: type[Exception]
) -> None:
    ledger.refused[numbered(1).id] = refusal
    assert failed(worker.handle(batch(*(encode(numbered(n)) for n in range(3))))) == []
    assert (len(ledger.rows), queue.reasons) == (2, ["data_error"])


@pytest.mark.parametrize("refusal", [psycopg.errors.UndefinedColumn, psycopg.errors.CheckViolation])
def test_a_row_refused_for_another_reason_is_redelivered(
    worker: Worker, ledger: FakeLedger, queue: FakeQueue, refusal: type[Exception]
) -> None:
    ledger.refused[numbered(0).id] = refusal
    assert failed(worker.handle(batch(*(encode(numbered(n)) for n in range(3))))) == ["m0"]
    assert queue.bodies == []


def test_with_postgres_unavailable_the_whole_batch_is_redelivered(
    worker: Worker, ledger: FakeLedger, queue: FakeQueue
) -> None:
    ledger.available = False
    with pytest.raises(psycopg.OperationalError):
        worker.handle(batch(encode(numbered(1)), "poison"))
    assert queue.bodies == []


def test_poison_that_cannot_be_dead_lettered_is_redelivered(ledger: FakeLedger) -> None:
    unavailable = FakeQueue(available=False)
    worker = Worker(open_ledger=lambda: ledger, open_graph=lambda: Graph(no_graph), dead_letter_queue=unavailable)
    assert failed(worker.handle(batch("poison", encode(numbered(1))))) == ["m0"]
    assert set(ledger.rows) == {numbered(1).id}


def test_after_each_batch_one_claim_is_drained(worker: Worker, ledger: FakeLedger) -> None:
    worker.handle(batch(encode(numbered(1))))
    worker.handle(batch(encode(numbered(2))))
    assert ledger.claims == 2


def test_after_a_failed_drain_the_batch_is_stored_and_draining_pauses(
    worker: Worker, ledger: FakeLedger, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger.claim_error = GraphUnavailableError("unavailable")
    for number in (1, 2):
        assert failed(worker.handle(batch(encode(numbered(number))))) == []
    assert (len(ledger.rows), ledger.claims) == (2, 1)
    assert values(metrics(capsys), "NotDrained") == [1]


def test_after_an_abandoned_drain_the_connections_are_opened_again(queue: FakeQueue) -> None:
    first, second = FakeLedger(), FakeLedger()
    ledgers = iter([first, second])
    worker = Worker(open_ledger=lambda: next(ledgers), open_graph=lambda: Graph(no_graph), dead_letter_queue=queue)
    first.claim_error, first.abandoned = GraphUnavailableError("unavailable"), True
    for number in (1, 2):
        worker.handle(batch(encode(numbered(number))))
    assert (len(first.rows), len(second.rows)) == (1, 1)


def test_the_time_to_stored_is_that_of_the_oldest_interaction(
    worker: Worker, capsys: pytest.CaptureFixture[str]
) -> None:
    now = datetime.now(UTC)
    old, new = (interaction(now=now - timedelta(seconds=age), metadata={"age": age}) for age in (90, 5))
    worker.handle(batch(encode(new), encode(old)))
    assert values(metrics(capsys), "TimeToStored") == [pytest.approx(90, abs=5)]
