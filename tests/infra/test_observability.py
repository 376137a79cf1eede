"""Who is told what: every alarm is explained, every metric is one that something publishes."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from chalicelib import telemetry
from stacks.config.environment import Environment
from stacks.service import metrics
from tests.infra.template import Template

PROJECT = Path(__file__).parents[2]
ALARM = "AWS::CloudWatch::Alarm"
SOURCE = "\n".join(path.read_text() for path in (PROJECT / "runtime").rglob("*.py"))
HOST = (PROJECT / "stacks" / "graph_host.sh").read_text()


@pytest.fixture
def alarms(data: Template, service: Template, environment: Environment) -> dict[str, Any]:
    """Collect the environment's alarms by heading."""
    found = [alarm["Properties"] for template in (data, service) for alarm in template.of_type(ALARM).values()]
    return {alarm["AlarmName"].removeprefix(f"{environment.name}: "): alarm for alarm in found}


@pytest.fixture
def graphed(service: Template) -> list[Any]:
    """Collect the metrics on the dashboard."""
    _, dashboard = service.one("AWS::CloudWatch::Dashboard")
    # What CloudFormation fills in matters to no test: the names of our own metrics' dimensions are plain.
    parts = dashboard["Properties"]["DashboardBody"]["Fn::Join"][1]
    body = json.loads("".join(part if isinstance(part, str) else "…" for part in parts))
    return [metric for widget in body["widgets"] for metric in widget["properties"].get("metrics", [])]


def headings() -> set[str]:
    """Read the headings of the alarms' chapter."""
    chapter = (PROJECT / "docs" / "operations.md").read_text().split("\n## Alarms\n")[1].split("\n## ")[0]
    return set(re.findall(r"^### (.*)$", chapter, re.MULTILINE))


def test_every_alarm_has_its_heading_in_the_operations_manual(alarms: dict[str, Any]) -> None:
    assert set(alarms) <= headings()


def test_every_heading_is_an_alarm_of_production(alarms: dict[str, Any], environment: Environment) -> None:
    if environment.name == "prod":
        assert headings() == set(alarms)


def test_every_alarm_tells_the_environments_topic_when_it_begins_and_when_it_ends(
    alarms: dict[str, Any], data: Template, service: Template, environment: Environment
) -> None:
    topic, _ = data.one("AWS::SNS::Topic")
    ours = {topic, f"/interaction-tracker/{environment.name}/alarm-topic-arn"}
    for heading, alarm in alarms.items():
        told = {service.plain(action) for action in alarm["AlarmActions"] + alarm["OKActions"]}
        assert told <= ours, heading
        assert told, heading
        assert alarm["AlarmName"].startswith(f"{environment.name}: ")


def test_alarms_reach_a_person(data: Template, environment: Environment) -> None:
    subscribed = [s["Properties"]["Endpoint"] for s in data.of_type("AWS::SNS::Subscription").values()]
    assert subscribed == ([environment.alarm_email] if environment.alarm_email else [])
    assert environment.alarm_email or environment.local_endpoint


def test_the_topic_takes_what_this_accounts_alarms_say(data: Template, environment: Environment) -> None:
    topic, _ = data.one("AWS::SNS::Topic")
    _, policy = data.one("AWS::SNS::TopicPolicy")
    statements = policy["Properties"]["PolicyDocument"]["Statement"]
    [allowed] = [statement for statement in statements if statement["Effect"] == "Allow"]
    assert allowed["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert (allowed["Action"], allowed["Resource"]) == ("sns:Publish", {"Ref": topic})
    assert allowed["Condition"] == {"StringEquals": {"aws:SourceAccount": environment.account}}


def test_a_catch_up_that_says_nothing_is_an_alarm(alarms: dict[str, Any]) -> None:
    alarm = alarms["Catch-up does not run"]
    assert (alarm["TreatMissingData"], alarm["Statistic"]) == ("breaching", "SampleCount")


def test_what_is_graphed_is_published_and_of_this_environment(graphed: list[Any], environment: Environment) -> None:
    own = [metric for metric in graphed if metric[0] == metrics.NAMESPACE]
    assert (metrics.NAMESPACE, metrics.SERVICE) == (telemetry.NAMESPACE, telemetry.SERVICE)
    assert {metric[1] for metric in own} >= {"Accepted", "Stored", "Projected", "OutboxRows", "OutboxAge"}
    for metric in own:
        of_code = "service" in metric
        assert environment.name in (metric if of_code else str(metric).split("."))
        assert f"{metric[1]}=" in SOURCE if of_code else metric[1].partition("_")[0] in HOST, metric[1]


def test_everything_that_the_code_measures_is_graphed(graphed: list[Any]) -> None:
    measured = set(re.findall(r"\b([A-Z]\w+)=", "\n".join(re.findall(r"measure(?:_seconds)?\((.*)\)", SOURCE))))
    assert measured
    assert measured <= {metric[1] for metric in graphed if metric[0] == metrics.NAMESPACE}


def test_refusals_are_graphed_by_reason_of_this_environment_alone(service: Template, environment: Environment) -> None:
    _, dashboard = service.one("AWS::CloudWatch::Dashboard")
    parts = dashboard["Properties"]["DashboardBody"]["Fn::Join"][1]
    text = "".join(part for part in parts if isinstance(part, str)).replace("\\", "")
    schema = "{InteractionTracker,environment,reason,service}"
    assert f"""SEARCH('{schema} MetricName="Refused" environment="{environment.name}"', 'Sum', 60)""" in text
