"""The snapshot's state machine, run with a fake ECS and a fake EC2: whatever fails, Neo4j is started again."""

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cfnlint.api import lint_all

from tests.infra.states import Execution, TaskError, TimedOutError

SDK = "arn:aws:states:::aws-sdk:"
SUBSTITUTIONS = {
    "Cluster": "cluster",
    "Service": "service",
    "Volume": "vol-1",
    "Kept": "3",
    "Tag": "snapshot-of",
    "Owner": "dev-data",
}


def definition() -> dict[str, Any]:
    text = Path(__file__).parents[2].joinpath("stacks", "data", "neo4j", "snapshot.json").read_text()
    for name, value in SUBSTITUTIONS.items():
        text = text.replace(f"${{{name}}}", value)
    assert "${" not in text
    machine: dict[str, Any] = json.loads(text)
    return machine


@dataclass
class Cloud:
    """One service and the snapshots of its volume, with faults."""

    stops_after_polls: int = 2
    """How often ECS still counts the task as running; a large number: it never stops."""
    faults: dict[str, int] = field(default_factory=dict)
    """How many calls of an action fail; -1: all."""
    snapshot_state: str = "pending"
    """In which state a new snapshot is found afterwards."""
    desired: int = 1
    polls: int = 0
    calls: Counter[str] = field(default_factory=Counter)
    snapshots: dict[str, dict[str, Any]] = field(default_factory=dict)

    def call(self, action: str, arguments: dict[str, Any]) -> Any:
        self.calls[action] += 1
        if left := self.faults.get(action, 0):
            self.faults[action] = left - 1
            raise TaskError(action)
        return getattr(self, action.rpartition(":")[2])(**arguments)

    def updateService(self, Cluster: str, Service: str, DesiredCount: int) -> Any:  # noqa: N802, N803
        assert (Cluster, Service) == ("cluster", "service")
        self.desired = DesiredCount
        return {"Service": {"DesiredCount": DesiredCount}}

    def describeServices(self, Cluster: str, Services: list[str]) -> Any:  # noqa: N802, N803
        assert (Cluster, Services) == ("cluster", ["service"])
        self.polls += 1
        running = int(self.polls <= self.stops_after_polls)
        return {"Services": [{"RunningCount": running, "PendingCount": 0}]}

    def createSnapshot(self, VolumeId: str, TagSpecifications: Any) -> Any:  # noqa: N802, N803
        assert self.desired == 0, "a snapshot of a volume that is written to"
        assert VolumeId == "vol-1"
        [tags] = TagSpecifications
        assert tags["Tags"] == [{"Key": "snapshot-of", "Value": "dev-data"}]
        id_ = f"snap-{len(self.snapshots) + 1}"
        self.snapshots[id_] = {
            "SnapshotId": id_,
            "StartTime": f"2026-05-{len(self.snapshots) + 1:02}T00:35:00Z",
            "State": self.snapshot_state,
        }
        return self.snapshots[id_]

    def describeSnapshots(self, **asked: Any) -> Any:  # noqa: N802
        found = list(self.snapshots.values())
        ids = asked.get("SnapshotIds")
        return {"Snapshots": [one for one in found if not ids or one["SnapshotId"] in ids]}

    def deleteSnapshot(self, SnapshotId: str) -> Any:  # noqa: N802, N803
        del self.snapshots[SnapshotId]
        return {}


class Services(dict[str, Any]):
    """The tasks' resources: all AWS SDK integrations, answered by the cloud."""

    def __init__(self, cloud: Cloud) -> None:
        super().__init__()
        self.cloud = cloud

    def __missing__(self, arn: str) -> Any:  # noqa: D105
        assert arn.startswith(SDK)
        return lambda arguments: self.cloud.call(arn.removeprefix(SDK), arguments)


def run(cloud: Cloud) -> tuple[str, Execution]:
    execution = Execution(definition(), Services(cloud))
    try:
        return execution.run(), execution
    except (TaskError, TimedOutError) as error:
        return type(error).__name__, execution


def older(number: int, state: str = "completed") -> dict[str, dict[str, Any]]:
    return {
        f"snap-{one}": {"SnapshotId": f"snap-{one}", "StartTime": f"2026-05-{one:02}T00:35:00Z", "State": state}
        for one in range(1, number + 1)
    }


def lint(machine: dict[str, Any]) -> list[str]:
    properties = {"RoleArn": "arn:aws:iam::111111111111:role/any", "Definition": machine}
    template = {"Resources": {"Machine": {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties}}}
    return [match.rule.id for match in lint_all(json.dumps(template)) if match.rule.id.startswith("E")]


def test_cfn_lint_finds_no_error_in_the_definition() -> None:
    assert lint(definition()) == []
    broken = definition()
    broken["StartAt"] = "Nowhere"
    assert set(lint(broken)) == {"E3601"}


@pytest.mark.parametrize("before", [0, 1, 2, 3, 5])
def test_a_good_night_takes_a_snapshot_and_keeps_the_newest(before: int) -> None:
    cloud = Cloud(snapshots=older(before), snapshot_state="completed")
    ended, execution = run(cloud)
    assert (ended, cloud.desired) == ("Succeed", 1)
    assert sorted(cloud.snapshots) == [f"snap-{one}" for one in range(1, before + 2)][-3:]
    assert execution.seconds < 600


def test_neo4j_has_its_time_to_stop_before_the_snapshot() -> None:
    cloud = Cloud(stops_after_polls=0, snapshot_state="completed")
    _, execution = run(cloud)
    assert execution.seconds >= 120


@pytest.mark.parametrize(
    "faults",
    [
        {"ecs:updateService": 1},
        {"ecs:describeServices": -1},
        {"ec2:createSnapshot": -1},
        {"ec2:createSnapshot": -1, "ecs:describeServices": 1},
    ],
    ids=str,
)
def test_whatever_fails_neo4j_is_started_again_and_the_night_counts_as_failed(faults: dict[str, int]) -> None:
    cloud = Cloud(faults=dict(faults), snapshots=older(3))
    ended, execution = run(cloud)
    assert cloud.desired == 1
    assert "Start" in execution.path
    assert ended == "Fail"
    assert len(cloud.snapshots) == 3


def test_a_neo4j_that_does_not_stop_is_given_up_in_time_and_stays_started() -> None:
    cloud = Cloud(stops_after_polls=10_000, snapshots=older(2))
    ended, execution = run(cloud)
    assert (ended, cloud.desired) == ("Fail", 1)
    assert execution.seconds < 600


@dataclass
class SlowToStart(Cloud):
    """ECS refuses the first two starts."""

    refusals: int = 2

    def updateService(self, Cluster: str, Service: str, DesiredCount: int) -> Any:  # noqa: N802, N803
        if DesiredCount and self.refusals:
            self.refusals -= 1
            raise TaskError("ecs:updateService")
        return super().updateService(Cluster, Service, DesiredCount)


def test_a_start_that_fails_at_first_is_repeated() -> None:
    cloud = SlowToStart(snapshot_state="completed")
    ended, _ = run(cloud)
    assert (ended, cloud.desired, cloud.refusals) == ("Succeed", 1, 0)


def test_snapshots_that_cannot_be_listed_or_removed_leave_neo4j_running() -> None:
    for action in ("ec2:describeSnapshots", "ec2:deleteSnapshot"):
        cloud = Cloud(faults={action: -1}, snapshots=older(5), snapshot_state="completed")
        run(cloud)
        assert cloud.desired == 1


def test_a_snapshot_that_ends_in_error_does_not_count_as_taken() -> None:
    cloud = Cloud(snapshots=older(3), snapshot_state="error")
    ended, _ = run(cloud)
    assert (ended, cloud.desired) == ("Fail", 1)
    assert {"snap-1", "snap-2", "snap-3"} <= set(cloud.snapshots), "the good ones stay while the new one is bad"


def test_every_path_through_the_machine_was_walked() -> None:
    walked: set[str] = set()
    for cloud in (
        Cloud(snapshots=older(5), snapshot_state="completed"),
        Cloud(snapshots=older(5), stops_after_polls=10_000),
        Cloud(faults={"ec2:createSnapshot": -1}),
        Cloud(snapshots=older(3), snapshot_state="error"),
        Cloud(snapshots=older(3), snapshot_state="pending"),
    ):
        walked |= set(run(cloud)[1].path)
    machine = definition()
    inner = [state["ItemProcessor"]["States"] for state in machine["States"].values() if state["Type"] == "Map"]
    assert {*machine["States"], *(name for states in inner for name in states)} - walked == set()
