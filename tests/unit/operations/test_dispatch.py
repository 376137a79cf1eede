"""Each operation leaves one line: who, what, on which user, with what outcome."""

import inspect
import json
import logging
import re
from collections import ChainMap
from functools import partial
from typing import Any

import pytest

from chalicelib.ledger import statistics
from chalicelib.operations import dispatch, handlers, offline_calls, reads
from chalicelib.telemetry import log
from tests.samples import ALICE

CARLA = "arn:aws:sts::111111111111:assumed-role/on-call/carla"
ID = "019de368-f600-8616-9ada-c7f24f1011fc"
DAYS = {"since": "2026-05-01 00:00:00", "until": "2026-05-02 00:00:00"}


TOLD = (
    "id",
    "day",
    "since",
    "until",
    "erased_at",
    "rebuild",
    "excluded",
    "fresh",
    "from_scratch",
    "repair",
    "with_account",
)
# Where to go on, which part of an answer, or how large it is: `rebuild` has the files, and a page is no choice.
SILENT = {"cursor", "before", "basis", "seconds", "parts", "questions", "share_seconds", "question_milliseconds"}


def erase(*, user_id: str) -> str:
    return user_id


def export(*, user_id: str) -> str:
    raise LookupError(user_id)


def read(**_: object) -> None:
    pass


def lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """Return the lines on operations, as they come into the log."""
    written = [json.loads(log.registered_formatter.format(record)) for record in caplog.records]
    names = ("operation", "caller", "user_id", "outcome")
    return [{name: line.get(name) for name in names} for line in written if line["message"] == "operation"]


def line_of(caplog: pytest.LogCaptureFixture) -> dict[str, Any]:
    """Return the one line on an operation, whole."""
    [record] = [one for one in caplog.records if one.message == "operation"]
    return dict(json.loads(log.registered_formatter.format(record)))


def test_an_operation_is_logged_with_its_caller_and_user(caplog: pytest.LogCaptureFixture) -> None:
    answer = dispatch.run({"operation": "erase", "caller": CARLA, "user_id": ALICE}, {"erase": erase})
    assert answer == {"operation": "erase", "result": ALICE}
    assert lines(caplog) == [{"operation": "erase", "caller": CARLA, "user_id": ALICE, "outcome": "done"}]


def test_an_operation_that_fails_is_logged_too(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(LookupError):
        dispatch.run({"operation": "export", "user_id": ALICE}, {"export": export})
    assert lines(caplog) == [{"operation": "export", "caller": None, "user_id": ALICE, "outcome": "failed"}]


def test_a_deploys_operation_has_the_deploy_as_caller(caplog: pytest.LogCaptureFixture) -> None:
    dispatch.run({"ResourceProperties": {"operation": "migrate"}}, {"migrate": dict})
    assert lines(caplog) == [{"operation": "migrate", "caller": "deploy", "user_id": None, "outcome": "done"}]


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"id": ID.upper(), "user_id": None}, {"id": ID}),
        ({"day": "2026-05-01", "cursor": ID}, {"day": "2026-05-01"}),
        ({"basis": "marks", "since": "2026-05-01", "until": "2026-05-02", "cursor": ["bread", "a"]}, DAYS),
        ({"id": "alice@example.com", "day": "bread", "since": None, "until": 7, "rebuild": "bread"}, {}),
        ({"user_id": ID, "excluded": False}, {"excluded": False}),
        ({"user_id": ID, "excluded": "bread", "repair": True, "cursor": None}, {"excluded": True, "repair": True}),
        ({"erased_at": "2026-05-01", "with_account": True}, {"erased_at": DAYS["since"], "with_account": True}),
        ({"from_scratch": True, "fresh": False, "rebuild": 7}, {"from_scratch": True, "fresh": False, "rebuild": "7"}),
    ],
)
def test_the_line_tells_what_was_looked_at_and_what_was_chosen_and_no_other_text(
    caplog: pytest.LogCaptureFixture, asked: dict[str, Any], told: dict[str, object]
) -> None:
    dispatch.run({"operation": "read", "caller": CARLA, **asked}, {"read": read})
    line = line_of(caplog)
    assert {name: line[name] for name in TOLD if name in line} == told
    assert not {"bread", "alice"} & set(re.findall(r"\w+", json.dumps(line)))


@pytest.mark.parametrize("typed", ["alice@example.com", "alice example.com", "alice.example", "bread" * 30, {"a": 1}])
def test_a_user_s_address_does_not_come_into_the_log(caplog: pytest.LogCaptureFixture, typed: object) -> None:
    dispatch.run({"operation": "read", "caller": CARLA, "user_id": typed}, {"read": read})
    assert line_of(caplog)["user_id"] == "not an id"
    assert not {"bread", "alice"} & set(re.findall(r"[a-z]+", json.dumps(line_of(caplog))))


def test_each_argument_of_an_operation_is_told_or_chooses_nothing() -> None:
    nowhere: Any = None
    made = [one.operations(nowhere, nowhere) for one in (handlers, offline_calls, reads)]
    operations = dict(ChainMap(*made), statistics=partial(statistics.answer, nowhere))
    taken = {name for one in operations.values() for name in inspect.signature(one).parameters}
    assert taken - {"user_id", *TOLD} == SILENT


def test_a_deploy_can_only_migrate() -> None:
    with pytest.raises(ValueError, match="operation must be one of"):
        dispatch.run({"ResourceProperties": {"operation": "users"}}, {"migrate": dict, "users": dict})


def test_a_mended_message_is_recorded_with_ids_and_users_and_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    before = [{"id": "old", "user_id": ALICE, "metadata": {"query": "bread"}}, {"id": None, "user_id": None}]
    after = [{"id": "new", "user_id": ALICE}]
    event = {"operation": "record_mended", "caller": CARLA, "message_id": "m1", "before": before, "after": after}
    written: list[dict[str, Any]] = []

    def write(record: logging.LogRecord) -> bool:  # at once, as the real log does: the caller is known in the call only
        written.append(json.loads(log.registered_formatter.format(record)))
        return True

    caplog.handler.addFilter(write)
    dispatch.run(event, {"record_mended": dispatch.record_mended})
    caplog.handler.removeFilter(write)
    [mended] = [line for line in written if line["message"] == "mended"]
    names = ("caller", "message_id", "before", "after")
    expected = (CARLA, "m1", [{"id": "old", "user_id": ALICE}, {"id": None, "user_id": None}], after)
    assert tuple(mended[name] for name in names) == expected
    assert "bread" not in json.dumps(written)
    assert lines(caplog) == [{"operation": "record_mended", "caller": CARLA, "user_id": None, "outcome": "done"}]
