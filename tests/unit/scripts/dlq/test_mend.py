"""A dead-lettered message is checked as the worker will, and replaced by its corrected form."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chalicelib.queue import encode
from scripts.common.errors import WrongUseError
from scripts.dlq.discard_file import DiscardFile, read_file
from scripts.dlq.mend import find_problems, mend
from tests.samples import ARTIFACT, interaction
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
