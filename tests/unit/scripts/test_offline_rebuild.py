"""rebuild-graph --offline on AWS: its calls, held against AWS's own models, and what becomes of it when one fails."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from scripts.common import offline_rebuild
from scripts.common.errors import OperationError
from tests.stubbed import Stubbed

MACHINE = "arn:aws:states:us-east-1:111111111111:stateMachine:import"
EXECUTION = "arn:aws:states:us-east-1:111111111111:execution:import:rebuild-7"
STARTED = "2026-05-01T12:00:00Z"
FILES = {"rebuild": 7, "parts": 2}


@dataclass(frozen=True)
class Dev(Stubbed):
    """The environment dev, and what its operations function answers, in this order."""

    answers: list[tuple[str, Any]] = field(default_factory=list)
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    @property
    def outputs(self) -> Mapping[str, str]:
        return {"ImportMachine": MACHINE}

    def operate(self, operation: str, **arguments: Any) -> Any:
        self.asked.append((operation, arguments))
        expected, answer = self.answers.pop(0)
        assert operation == expected
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def expect_import(self, *statuses: str) -> None:
        self.expect(
            "stepfunctions",
            "start_execution",
            {"executionArn": EXECUTION, "startDate": STARTED},
            {"stateMachineArn": MACHINE, "name": "rebuild-7", "input": '{"manifest": "an address"}'},
        )
        for status in statuses:
            one = {"executionArn": EXECUTION, "stateMachineArn": MACHINE, "name": "rebuild-7", "startDate": STARTED}
            answer = {"executions": [{**one, "status": status}]}
            self.expect("stepfunctions", "list_executions", answer, {"stateMachineArn": MACHINE, "maxResults": 100})


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offline_rebuild, "POLL_SECONDS", 0)


EXPORT = [
    ("export_for_import", {"rebuild": 7, "parts": 0, "rows": 0, "of": 150, "cursor": {"at": 1}}),
    ("export_for_import", {"rebuild": 7, "parts": 2, "rows": 160, "of": 150, "cursor": None}),
]
BEGUN = ("begin_import", {"manifest": "an address"})
STARTING = ("finish_import", OperationError("finish_import: the graph takes no work now (…): is Neo4j unavailable?"))


def test_the_steps_follow_each_other_and_neo4j_has_time_to_start() -> None:
    finish = [STARTING, STARTING, ("finish_import", {"cursor": True}), ("finish_import", {"cursor": None})]
    dev = Dev("dev", "us-east-1", answers=[*EXPORT, BEGUN, *finish])
    dev.expect_import("RUNNING", "RUNNING", "SUCCEEDED")
    told: list[tuple[str, int, int]] = []
    assert offline_rebuild.rebuild_offline(dev, lambda *one: told.append(one)) == 160
    dev.assert_asked()
    assert not dev.answers
    assert dev.asked[-1] == ("finish_import", {**FILES, "cursor": True})
    assert ("exporting", 0, 150) in told
    assert ("exporting", 160, 160) in told


@pytest.mark.parametrize(
    "error", [OperationError("begin_import: another rebuild replaced this one"), KeyboardInterrupt()], ids=repr
)
def test_whoever_is_stopped_gives_the_rebuild_up(error: BaseException) -> None:
    dev = Dev("dev", "us-east-1", answers=[*EXPORT, ("begin_import", error), ("give_up_import", None)])
    with pytest.raises(type(error)):
        offline_rebuild.rebuild_offline(dev, lambda *_: None)
    assert dev.asked[-1] == ("give_up_import", FILES)


def test_a_failed_import_is_given_up_and_told() -> None:
    dev = Dev("dev", "us-east-1", answers=[*EXPORT, BEGUN, ("give_up_import", OperationError("no answer"))])
    dev.expect_import("FAILED")
    with pytest.raises(OperationError, match="the import ended as FAILED"):
        offline_rebuild.rebuild_offline(dev, lambda *_: None)


def test_what_fails_before_it_began_is_not_given_up() -> None:
    dev = Dev("dev", "us-east-1", answers=[("export_for_import", OperationError("no graph"))])
    with pytest.raises(OperationError, match="no graph"):
        offline_rebuild.rebuild_offline(dev, lambda *_: None)
