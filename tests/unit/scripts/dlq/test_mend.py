"""A dead-lettered message is checked as the worker will, and replaced by its corrected form."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chalicelib.queue import encode
from scripts.common.errors import OperationError, WrongUseError
from scripts.dlq.discard_file import DiscardFile, read_file
from scripts.dlq.mend import MAX_ID_CHARACTERS, MAX_RECORDED, find_problems, mend
from tests.samples import ALICE, ARTIFACT, BOB, interaction
from tests.unit.scripts.fake_sqs import FakeSqs, FakeTarget

GOOD = encode(interaction("keep", artifact_id=ARTIFACT))


def changed(**fields: Any) -> str:
    message = json.loads(GOOD)
    message["interactions"][0] |= fields
    return json.dumps(message)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("{", "it is not JSON, line 1, column 2"),
        ("[" * 100_000, "it is nested too deep"),
        ("[]", "the message: input should be a valid dictionary"),
        ('{"version": 2, "interactions": []}', "interactions: list should have at least 1 item"),
        (changed(timestamp="soon"), "interactions[0].timestamp: input should be a valid integer"),
        (changed(artifact_id="x" * 257), "interactions[0].artifact_id: string should have at most 256 characters"),
        (changed(more=1), "interactions[0].more: extra inputs are not permitted"),
        (changed(kind="unheard"), "interactions[0].kind: input should be 'recall'"),
        (changed(timestamp=int((datetime.now(UTC) + timedelta(days=9)).timestamp() * 1e6)), "a time is in the future"),
        (GOOD.replace('"version":2', '"version":99'), "the worker does not know this version"),
    ],
)
def test_what_the_worker_would_refuse_is_named(body: str, says: str) -> None:
    [problem] = find_problems(body)
    assert says in problem


def test_what_the_worker_takes_has_no_problem() -> None:
    assert find_problems(GOOD) == []
    assert find_problems(json.dumps(json.loads(GOOD), indent=2)) == []


def test_the_corrected_body_is_sent_and_the_original_is_kept(tmp_path: Path) -> None:
    sqs, file = FakeSqs("bad", changed(timestamp="soon")), tmp_path / "original.jsonl"
    ids = mend(
        FakeTarget("local", "us-east-1", sqs=sqs), "m1", json.dumps(json.loads(GOOD), indent=2), DiscardFile(file)
    )
    assert (sqs.sent, ids) == ([GOOD], [json.loads(GOOD)["interactions"][0]["id"]])
    assert [one.body for one in read_file(file)] == [changed(timestamp="soon")]
    assert [one["Body"] for one in sqs.visible] == ["bad"]
    assert sqs.in_flight == {}


def test_a_wrong_body_changes_nothing(tmp_path: Path) -> None:
    sqs, file = FakeSqs("bad"), tmp_path / "original.jsonl"
    with pytest.raises(WrongUseError, match=r"interactions\[0\].timestamp"):
        mend(FakeTarget("local", "us-east-1", sqs=sqs), "m0", changed(timestamp="soon"), DiscardFile(file))
    with pytest.raises(WrongUseError, match="is not in the dead-letter queue"):
        mend(FakeTarget("local", "us-east-1", sqs=sqs), "another", GOOD, DiscardFile(file))
    assert (sqs.sent, len(sqs.visible), file.exists()) == ([], 1, False)


def test_a_changed_user_is_refused(tmp_path: Path) -> None:
    of_bob = encode(interaction("keep", user_id=BOB, artifact_id=ARTIFACT))
    both = encode(interaction("keep", artifact_id=ARTIFACT), interaction("keep", user_id=BOB, artifact_id=ARTIFACT))
    target, file = FakeTarget("local", "us-east-1", sqs=FakeSqs(changed(timestamp="soon"))), tmp_path / "original.jsonl"
    for body in (of_bob, both):
        with pytest.raises(WrongUseError, match=f"no interaction of the original is of user {BOB}"):
            mend(target, "m0", body, DiscardFile(file))
    assert (target.sqs.sent, target.calls, len(target.sqs.visible), file.exists()) == ([], [], 1, False)


def test_a_text_that_is_no_json_is_mended_for_the_user_whose_id_it_holds(tmp_path: Path) -> None:
    target = FakeTarget("local", "us-east-1", sqs=FakeSqs(GOOD[:-1]))
    mend(target, "m0", GOOD, DiscardFile(tmp_path / "original.jsonl"))
    after = [{"id": json.loads(GOOD)["interactions"][0]["id"], "user_id": ALICE}]
    before: list[Any] = [{"id": None, "user_id": None}]
    assert target.calls == [("record_mended", {"message_id": "m0", "before": before, "after": after})]
    another = FakeTarget("local", "us-east-1", sqs=FakeSqs(GOOD[:-1]))
    with pytest.raises(WrongUseError, match=BOB):
        mend(another, "m0", encode(interaction("recall", user_id=BOB)), DiscardFile(tmp_path / "another.jsonl"))


def test_what_is_mended_is_recorded_before_it_is_sent_and_what_is_dropped_is_counted(tmp_path: Path) -> None:
    class Away(FakeTarget):
        def operate(self, operation: str, **_: Any) -> Any:
            raise OperationError(operation)

    first, second = (
        json.loads(GOOD)["interactions"][0],
        {"id": "x" * 999, "user_id": ALICE, "metadata": {"q": "secret"}},
    )
    original = json.dumps({"version": 2, "interactions": [first, second]})
    away = Away("local", "us-east-1", sqs=FakeSqs(original))
    with pytest.raises(OperationError, match="record_mended"):
        mend(away, "m0", GOOD, DiscardFile(tmp_path / "away.jsonl"))
    assert (away.sqs.sent, len(away.sqs.visible)) == ([], 1)

    target = FakeTarget("local", "us-east-1", sqs=FakeSqs(original))
    mend(target, "m0", GOOD, DiscardFile(tmp_path / "original.jsonl"))
    kept = {"id": first["id"], "user_id": ALICE}
    before = [kept, {"id": "x" * MAX_ID_CHARACTERS, "user_id": ALICE}]
    assert target.calls == [
        ("record_mended", {"message_id": "m0", "before": before, "after": [kept]}),
        ("count_discarded", {"interactions": 1}),
    ]


def test_the_record_of_a_message_with_very_many_interactions_is_bounded(tmp_path: Path) -> None:
    one = json.loads(GOOD)["interactions"][0]
    many = json.dumps({"version": 2, "interactions": [one | {"more": 1}] * (MAX_RECORDED + 1)})
    target = FakeTarget("local", "us-east-1", sqs=FakeSqs(many))
    mend(target, "m0", GOOD, DiscardFile(tmp_path / "original.jsonl"))
    [(_, record), counted] = target.calls
    assert (len(record["before"]), counted) == (MAX_RECORDED, ("count_discarded", {"interactions": MAX_RECORDED}))
