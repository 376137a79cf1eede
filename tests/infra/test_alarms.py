"""Alarms and dashboard: every alarm is documented, every metric is one that is published."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from chalicelib import telemetry
from stacks.common import names
from stacks.config.environment import Environment
from stacks.config.options import RdsPostgres
from tests.infra.conftest import read
from tests.infra.template import Template

PROJECT = Path(__file__).parents[2]
ALARM = "AWS::CloudWatch::Alarm"
SOURCE = "\n".join(path.read_text() for path in (PROJECT / "runtime").rglob("*.py"))
HOST = (PROJECT / "stacks" / "data" / "neo4j" / "host.sh").read_text()


@pytest.fixture
def alarms(data: Template, service: Template, environment: Environment) -> dict[str, Any]:
    """Read the environment's alarms, by heading."""
    return by_heading(environment.name, data, service)


@pytest.fixture
def dashboard_metrics(service: Template) -> list[Any]:
    """Read the metrics of the dashboard."""
    _, dashboard = service.one("AWS::CloudWatch::Dashboard")
    # No test needs the values that CloudFormation fills in.
    parts = dashboard["Properties"]["DashboardBody"]["Fn::Join"][1]
    body = json.loads("".join(part if isinstance(part, str) else "…" for part in parts))
    return [metric for widget in body["widgets"] for metric in widget["properties"].get("metrics", [])]


def by_heading(environment: str, *stacks: Template) -> dict[str, Any]:
    """Return the alarms of an environment's stacks, by heading."""
    found = [alarm["Properties"] for stack in stacks for alarm in stack.of_type(ALARM).values()]
    return {alarm["AlarmName"].removeprefix(f"{environment}: "): alarm for alarm in found}


def headings() -> set[str]:
    """Read the headings of the chapter on alarms."""
    chapter = (PROJECT / "docs" / "operations.md").read_text().split("\n## Alarms\n")[1].split("\n## ")[0]
    return set(re.findall(r"^### (.*)$", chapter, re.MULTILINE))


def test_every_alarm_has_a_heading_in_the_operations_manual(alarms: dict[str, Any]) -> None:
    assert set(alarms) <= headings()


def test_every_heading_is_an_alarm_of_production(assembly: Path) -> None:
    prod = by_heading("prod", read(assembly, "prod", "data"), read(assembly, "prod", "service"))
    assert headings() == set(prod)


def test_every_alarm_notifies_the_topic_when_it_begins_and_ends(
    alarms: dict[str, Any], data: Template, service: Template, environment: Environment
) -> None:
    topic, _ = data.one("AWS::SNS::Topic")
    ours = {topic, f"/interaction-tracker/{environment.name}/alarm-topic-arn"}
    for heading, alarm in alarms.items():
        told = {service.plain(action) for action in alarm["AlarmActions"] + alarm["OKActions"]}
        assert told <= ours, heading
        assert told, heading
        assert alarm["AlarmName"].startswith(f"{environment.name}: ")


def test_alarms_are_mailed_outside_the_laptop(data: Template, environment: Environment) -> None:
    subscribed = [s["Properties"]["Endpoint"] for s in data.of_type("AWS::SNS::Subscription").values()]
    assert subscribed == ([environment.alarm_email] if environment.alarm_email else [])
    assert environment.alarm_email or environment.local_endpoint


def test_only_this_accounts_alarms_publish_to_the_topic(data: Template, environment: Environment) -> None:
    topic, _ = data.one("AWS::SNS::Topic")
    _, policy = data.one("AWS::SNS::TopicPolicy")
    statements = policy["Properties"]["PolicyDocument"]["Statement"]
    [allowed] = [statement for statement in statements if statement["Effect"] == "Allow"]
    assert allowed["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert (allowed["Action"], allowed["Resource"]) == ("sns:Publish", {"Ref": topic})
    assert allowed["Condition"] == {"StringEquals": {"aws:SourceAccount": environment.account}}


def test_missing_runs_of_catch_up_raise_an_alarm(alarms: dict[str, Any]) -> None:
    alarm = alarms["Catch-up does not run"]
    assert (alarm["TreatMissingData"], alarm["Statistic"]) == ("breaching", "SampleCount")


def test_a_long_outage_of_postgres_keeps_its_alarm(alarms: dict[str, Any], environment: Environment) -> None:
    alarm = alarms["Interactions wait to be stored"]
    above = (alarm["Threshold"], alarm["ComparisonOperator"], alarm["EvaluationPeriods"])
    assert above == (300, "GreaterThanThreshold", 15)
    if environment.local_endpoint:  # which has no expressions
        assert alarm["MetricName"] == "ApproximateAgeOfOldestMessage"
        return
    metrics = {one["Id"]: one["MetricStat"] for one in alarm["Metrics"] if "MetricStat" in one}
    [expression] = [one["Expression"] for one in alarm["Metrics"] if "Expression" in one]
    # After three receives a message has no age for SQS, so its presence counts, too.
    assert expression == "IF(visible + hidden > 0 AND FILL(stored, 0) == 0, 301, age)"
    names = {id_: (metric["Metric"]["MetricName"], metric["Stat"]) for id_, metric in metrics.items()}
    assert names == {
        "age": ("ApproximateAgeOfOldestMessage", "Maximum"),
        "visible": ("ApproximateNumberOfMessagesVisible", "Maximum"),
        "hidden": ("ApproximateNumberOfMessagesNotVisible", "Maximum"),
        "stored": ("Stored", "SampleCount"),
    }
    assert {metric["Period"] for metric in metrics.values()} == {60}


def test_a_worker_that_crashes_raises_an_alarm(alarms: dict[str, Any]) -> None:
    alarm = alarms["The worker fails"]
    assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/Lambda", "Errors")
    assert alarm["Dimensions"] == [{"Name": "FunctionName", "Value": {"Ref": "Worker"}}]
    assert (alarm["Threshold"], alarm["EvaluationPeriods"] * alarm["Period"]) == (0, 5 * 60)


def test_the_alarm_on_postgres_disk_is_below_the_size_at_which_rds_enlarges_it(
    alarms: dict[str, Any], environment: Environment
) -> None:
    if environment.network is None:
        assert "Postgres' disk fills" not in alarms
        return
    assert isinstance(environment.postgres, RdsPostgres)
    alarm = alarms["Postgres' disk fills"]
    share = alarm["Threshold"] / (environment.postgres.storage_gib * 1024**3)
    assert (share, alarm["ComparisonOperator"]) == (0.05, "LessThanThreshold")


def test_the_dashboard_shows_metrics_of_this_environment(
    dashboard_metrics: list[Any], environment: Environment
) -> None:
    own = [metric for metric in dashboard_metrics if metric[0] in (names.NAMESPACE, names.GRAPH_HOST_NAMESPACE)]
    assert (names.NAMESPACE, names.SERVICE) == (telemetry.NAMESPACE, telemetry.SERVICE)
    assert {metric[1] for metric in own} >= {"Accepted", "Stored", "Projected", "OutboxRows", "OutboxAge"}
    for metric in own:
        of_code = metric[0] == names.NAMESPACE
        assert environment.name in (metric if of_code else str(metric).split("."))
        assert f"{metric[1]}=" in SOURCE if of_code else metric[1].partition("_")[0] in HOST, metric[1]


def test_the_dashboard_shows_every_metric_of_the_code(dashboard_metrics: list[Any]) -> None:
    measured = set(re.findall(r"\b([A-Z]\w+)=", "\n".join(re.findall(r"measure\((.*)\)", SOURCE))))
    assert measured
    assert measured <= {metric[1] for metric in dashboard_metrics if metric[0] == names.NAMESPACE}


def test_the_dashboard_shows_refusals_by_reason(service: Template, environment: Environment) -> None:
    _, dashboard = service.one("AWS::CloudWatch::Dashboard")
    parts = dashboard["Properties"]["DashboardBody"]["Fn::Join"][1]
    text = "".join(part for part in parts if isinstance(part, str)).replace("\\", "")
    schema = "{InteractionTracker,environment,reason,service}"
    assert f"""SEARCH('{schema} MetricName="Refused" environment="{environment.name}"', 'Sum', 60)""" in text
