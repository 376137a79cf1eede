"""An offline rebuild on AWS: whatever fails, Neo4j is started again; never two tasks on one store; who reads a file."""

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from stacks.config.environment import Environment
from stacks.config.options import EcsGraph
from tests.infra.states import Execution, TaskError, TimedOutError
from tests.infra.synthesis import ON_AWS, data_stack
from tests.infra.template import Template
from tests.infra.test_snapshot import SDK, lint

MANIFEST = "https://files.example/1/manifest?signed"
SUBSTITUTIONS = {
    "Cluster": "cluster",
    "Service": "service",
    "Task": "import:1",
    "Subnet": "subnet-1",
    "SecurityGroup": "sg-1",
}


def definition() -> dict[str, Any]:
    text = Path(__file__).parents[2].joinpath("stacks", "data", "neo4j", "import.json").read_text()
    for name, value in SUBSTITUTIONS.items():
        text = text.replace(f"${{{name}}}", value)
    assert "${" not in text
    machine: dict[str, Any] = json.loads(text)
    return machine


@dataclass
class Cloud:
    """One service, and a host that has room for one task."""

    stops_after_polls: int = 2
    """How often ECS still counts Neo4j as running; a large number: it never stops."""
    imports_for_polls: int = 3
    exit_code: int | None = 0
    """Of the task; None: its container never ran."""
    room: bool = True
    faults: dict[str, int] = field(default_factory=dict)
    """How many calls of an action fail; -1: all."""
    desired: int = 1
    polls: int = 0
    importing: bool = False
    calls: Counter[str] = field(default_factory=Counter)

    def __getitem__(self, arn: str) -> Any:  # noqa: D105
        return lambda arguments: self.call(arn.removeprefix(SDK), arguments)

    def call(self, action: str, arguments: dict[str, Any]) -> Any:
        self.calls[action] += 1
        if left := self.faults.get(action, 0):
            self.faults[action] = left - 1
            raise TaskError(action)
        return getattr(self, action.rpartition(":")[2])(**arguments)

    def updateService(self, Cluster: str, Service: str, DesiredCount: int) -> Any:  # noqa: N802, N803
        assert (Cluster, Service) == ("cluster", "service")
        self.desired = DesiredCount
        return {}

    def describeServices(self, Cluster: str, Services: list[str]) -> Any:  # noqa: N802, N803
        assert (Cluster, Services) == ("cluster", ["service"])
        self.polls += 1
        return {"Services": [{"RunningCount": int(self.polls <= self.stops_after_polls)}]}

    def runTask(self, **asked: Any) -> Any:  # noqa: N802
        assert self.desired == 0
        [container] = asked["Overrides"]["ContainerOverrides"]
        assert container == {"Name": "import", "Environment": [{"Name": "MANIFEST", "Value": MANIFEST}]}
        if not self.room:
            return {"Tasks": [], "Failures": [{"Reason": "RESOURCE:MEMORY"}]}
        self.importing = True
        return {"Tasks": [{"TaskArn": "task-1"}], "Failures": []}

    def describeTasks(self, Cluster: str, Tasks: list[str]) -> Any:  # noqa: N802, N803
        assert (Cluster, Tasks) == ("cluster", ["task-1"])
        if self.calls["ecs:describeTasks"] <= self.imports_for_polls:
            return {"Tasks": [{"LastStatus": "RUNNING", "Containers": [{}]}]}
        self.importing = False
        code = {} if self.exit_code is None else {"ExitCode": self.exit_code}
        return {"Tasks": [{"LastStatus": "STOPPED", "Containers": [code]}]}

    def stopTask(self, Cluster: str, Task: str) -> Any:  # noqa: N802, N803
        assert (Cluster, Task) == ("cluster", "task-1")
        self.importing = False
        return {}


def run(cloud: Cloud) -> tuple[str, Execution]:
    resources: Any = cloud  # a mapping of all names
    execution = Execution(definition(), resources, given={"manifest": MANIFEST})
    try:
        return execution.run(), execution
    except (TaskError, TimedOutError) as error:
        return type(error).__name__, execution


def test_cfn_lint_finds_no_error_in_the_definition() -> None:
    assert lint(definition()) == []


def test_a_good_import_ends_with_neo4j_started() -> None:
    cloud = Cloud()
    ended, execution = run(cloud)
    assert (ended, cloud.desired, cloud.importing) == ("Succeed", 1, False)
    assert execution.seconds > 120, "a task that is stopping does not count as running"


FAILURES = [
    Cloud(faults={"ecs:updateService": 1}),
    Cloud(faults={"ecs:describeServices": -1}),
    Cloud(faults={"ecs:runTask": -1}),
    Cloud(faults={"ecs:describeTasks": -1}),
    Cloud(faults={"ecs:describeTasks": -1, "ecs:stopTask": -1}),
    Cloud(stops_after_polls=10_000),
    Cloud(room=False),
    Cloud(exit_code=1),
    Cloud(exit_code=None),
    Cloud(imports_for_polls=10_000),
]


@pytest.mark.parametrize("cloud", FAILURES, ids=str)
def test_whatever_fails_neo4j_is_started_again_in_time_and_the_import_counts_as_failed(cloud: Cloud) -> None:
    ended, execution = run(cloud)
    assert (ended, cloud.desired) == ("Fail", 1)
    assert not cloud.importing or "ecs:stopTask" in cloud.calls
    assert execution.seconds < 2 * 60 * 60, "operations.offline.IMPORT_LEASE"


def test_a_look_that_fails_once_ends_no_import() -> None:
    assert run(Cloud(faults={"ecs:describeTasks": 1}))[0] == "Succeed"


def test_every_path_through_the_machine_was_walked() -> None:
    walked = {state for cloud in (Cloud(), Cloud(imports_for_polls=10_000)) for state in run(cloud)[1].path}
    assert set(definition()["States"]) - walked == set()


@pytest.fixture(params=ON_AWS, ids=lambda environment: environment.name)
def environment(request: pytest.FixtureRequest) -> Environment:
    found: Environment = request.param
    return found


@pytest.fixture
def stack(environment: Environment) -> Template:
    return data_stack(environment)


def container(stack: Template, name: str) -> dict[str, Any]:
    _, task = stack.one("AWS::ECS::TaskDefinition", starting=name)
    [found] = task["Properties"]["ContainerDefinitions"]
    return dict(found)


def test_neo4j_and_its_importer_never_fit_on_the_host_together(stack: Template, environment: Environment) -> None:
    assert isinstance(environment.graph, EcsGraph)
    neo4j, importer = (container(stack, name)["Memory"] for name in ("GraphTask", "GraphImportTask"))
    assert neo4j + importer > environment.graph.host_memory_mib
    assert "MemoryReservation" not in container(stack, "GraphImportTask"), "ECS would count that instead"


def test_the_importer_is_the_same_image_on_the_same_volume_and_fails_closed_without_it(stack: Template) -> None:
    neo4j, importer = (container(stack, name) for name in ("GraphTask", "GraphImportTask"))
    assert importer["Image"] == neo4j["Image"]
    _, task = stack.one("AWS::ECS::TaskDefinition", starting="GraphImportTask")
    assert {volume["Host"]["SourcePath"] for volume in task["Properties"]["Volumes"]} == {
        "/srv/graph/data",
        "/srv/graph/logs",
    }
    assert task["Properties"]["PlacementConstraints"] == [
        {"Expression": "attribute:graph-volume == mounted", "Type": "memberOf"}
    ]


def test_the_importer_runs_as_the_images_user_without_any_capability(stack: Template) -> None:
    found = container(stack, "GraphImportTask")
    assert (found["User"], found["LinuxParameters"]["Capabilities"]) == ("7474:7474", {"Drop": ["ALL"]})
    assert not found.get("Secrets")


def test_only_the_network_reads_the_files_and_a_day_later_they_are_gone(stack: Template) -> None:
    id_, bucket = stack.one("AWS::S3::Bucket")
    [rule] = bucket["Properties"]["LifecycleConfiguration"]["Rules"]
    assert (rule["ExpirationInDays"], rule["Status"]) == (1, "Enabled")
    assert all(bucket["Properties"]["PublicAccessBlockConfiguration"].values())
    assert "VersioningConfiguration" not in bucket["Properties"], "an old version would stay"
    _, policy = stack.one("AWS::S3::BucketPolicy")
    endpoint, _ = stack.one("AWS::EC2::VPCEndpoint")
    _, network_only = policy["Properties"]["PolicyDocument"]["Statement"]
    assert (network_only["Effect"], network_only["Action"]) == ("Deny", "s3:GetObject")
    assert network_only["Condition"] == {"StringNotEquals": {"aws:SourceVpce": {"Ref": endpoint}}}
    assert stack.plain(network_only["Resource"]) == f"{id_}.Arn/*"


def test_no_log_gets_the_signed_address(stack: Template) -> None:
    _, machine = stack.one("AWS::StepFunctions::StateMachine", starting="GraphImport")
    assert machine["Properties"]["LoggingConfiguration"]["IncludeExecutionData"] is False
