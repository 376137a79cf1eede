"""What AWS makes of the service templates: SAM's own translator, as CloudFormation runs it."""

import json
from pathlib import Path
from typing import Any

import pytest
from samtranslator.translator.transform import transform

from stacks.config.environment import Environment
from stacks.config.environments import PROD
from tests.infra.conftest import read
from tests.infra.template import Template


class NoManagedPolicies:
    """No function names a managed policy, so SAM needs none."""

    def load(self) -> dict[str, str]:
        return {}


@pytest.fixture
def translated(service: Template, environment: Environment, monkeypatch: pytest.MonkeyPatch) -> Template:
    """Return the template after the transform; SAM knows the name of a parameter from SSM, not its value."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", environment.region)
    given = {name: parameter.get("Default", "") for name, parameter in service.body.get("Parameters", {}).items()}
    body: dict[str, Any] = transform(json.loads(json.dumps(service.body)), given, NoManagedPolicies())
    return Template(body)


def test_no_name_of_a_parameter_stands_where_its_value_belongs(translated: Template) -> None:
    names = {parameter.get("Default") for parameter in translated.body.get("Parameters", {}).values()} - {None}
    used = json.dumps({part: value for part, value in translated.body.items() if part != "Parameters"})
    assert {name for name in names if f'"{name}"' in used} == set()
    assert not translated.of_type("AWS::Serverless::Function")


def test_the_worker_takes_batches_and_reports_what_failed(translated: Template, environment: Environment) -> None:
    _, mapping = translated.one("AWS::Lambda::EventSourceMapping")
    properties = mapping["Properties"]
    worker = environment.worker
    assert properties["BatchSize"] == worker.batch_size
    assert properties["MaximumBatchingWindowInSeconds"] == worker.window_seconds
    assert properties["ScalingConfig"] == {"MaximumConcurrency": worker.concurrency}
    assert properties["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert set(properties["EventSourceArn"]) == {"Ref"}
    assert "Worker" in json.dumps(properties["FunctionName"])


def test_catch_up_runs_each_minute_and_is_not_repeated(translated: Template) -> None:
    rule_id, rule = translated.one("AWS::Events::Rule")
    assert rule["Properties"]["ScheduleExpression"] == "rate(1 minute)"
    assert [target["Arn"] for target in rule["Properties"]["Targets"]] == [{"Fn::GetAtt": ["CatchUp", "Arn"]}]
    assert rule["Properties"].get("State", "ENABLED") == "ENABLED"
    _, invoke = translated.one("AWS::Lambda::EventInvokeConfig", starting="CatchUp")
    assert invoke["Properties"]["FunctionName"] == {"Ref": "CatchUp"}
    assert (invoke["Properties"]["MaximumRetryAttempts"], invoke["Properties"]["MaximumEventAgeInSeconds"]) == (0, 60)
    permitted = [one["Properties"] for one in translated.of_type("AWS::Lambda::Permission").values()]
    assert {"Fn::GetAtt": [rule_id, "Arn"]} in [one.get("SourceArn") for one in permitted]


def test_every_function_keeps_its_role_layer_and_log_group(translated: Template) -> None:
    functions = translated.of_type("AWS::Lambda::Function")
    for name in ("APIHandler", "CatchUp", "Operations", "Worker"):
        properties = functions[name]["Properties"]
        assert set(properties["Role"]) == {"Fn::GetAtt"}
        assert "LogGroup" in properties["LoggingConfig"]
        [layer] = properties["Layers"]
        assert layer["Ref"] in translated.of_type("AWS::Lambda::LayerVersion")
    # SAM makes a role for a function without one: with rights that nobody wrote down.
    roles = {name for name in translated.of_type("AWS::IAM::Role") if name.removesuffix("Role") in functions}
    assert roles == set()


def test_the_api_calls_a_published_version_that_starts_from_a_snapshot(
    translated: Template, environment: Environment
) -> None:
    versions = translated.of_type("AWS::Lambda::Version")
    if not environment.snap_start:
        assert not versions
        return
    [(version, published)] = versions.items()
    assert published["Properties"]["FunctionName"] == {"Ref": "APIHandler"}
    assert published["DeletionPolicy"] == "Delete"  # each kept snapshot is billed
    function = translated.of_type("AWS::Lambda::Function")["APIHandler"]["Properties"]
    assert function["SnapStart"] == {"ApplyOn": "PublishedVersions"}
    _, alias = translated.one("AWS::Lambda::Alias", starting="APIHandlerAliaslive")
    assert alias["Properties"]["FunctionVersion"] == {"Fn::GetAtt": [version, "Version"]}
    assert "APIHandler.Arn" not in json.dumps(translated.of_type("AWS::ApiGateway::RestApi"))


@pytest.mark.parametrize(
    "change", [{"MemorySize": 1024}, {"Description": "code and layer 0"}], ids=["a setting", "a layer"]
)
def test_a_change_publishes_another_version(
    assembly: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any]
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", PROD.region)

    def published(change: dict[str, Any]) -> set[str]:
        body = read(assembly, PROD.name, "service").body
        body["Resources"]["APIHandler"]["Properties"] |= change
        given = {name: parameter.get("Default", "") for name, parameter in body["Parameters"].items()}
        return set(Template(transform(body, given, NoManagedPolicies())).of_type("AWS::Lambda::Version"))

    assert published({}) == published({})
    assert published({}).isdisjoint(published(change))
