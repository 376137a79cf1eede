"""Alarms, each named like a heading in docs/operations.md."""

from typing import cast

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from constructs import Construct

from stacks.config.environment import Environment


def add_alarm(
    scope: Construct,
    heading: str,
    metric: cloudwatch.IMetric,
    *,
    environment: Environment,
    topic: sns.ITopic,
    minutes: int,
    above: float | None = None,
    below: float | None = None,
    missing_is_bad: bool = False,
) -> cloudwatch.Alarm:
    """Make an alarm that notifies the topic once the metric has been out of bounds for `minutes`, and at its end.

    Exactly one of `above` and `below` is the bound.
    """
    operators = cloudwatch.ComparisonOperator
    missing = cloudwatch.TreatMissingData
    bound, operator = (
        (above, operators.GREATER_THAN_THRESHOLD) if below is None else (below, operators.LESS_THAN_THRESHOLD)
    )
    if bound is None:
        raise ValueError(f"{heading}: needs a bound")
    alarm = cloudwatch.Alarm(
        scope,
        heading,
        metric=metric,
        threshold=bound,
        comparison_operator=operator,
        evaluation_periods=minutes,
        treat_missing_data=missing.BREACHING if missing_is_bad else missing.NOT_BREACHING,
    )
    notify(alarm, heading, environment=environment, topic=topic)
    return alarm


def notify(alarm: cloudwatch.Alarm, heading: str, *, environment: Environment, topic: sns.ITopic) -> None:
    """Name an alarm "ENVIRONMENT: heading", and have it notify the topic when it begins and when it ends."""
    resource = cast("cloudwatch.CfnAlarm", alarm.node.default_child)
    resource.alarm_name = f"{environment.name}: {heading}"
    resource.alarm_description = f'What it means and what to do: docs/operations.md, "{heading}".'
    action = actions.SnsAction(topic)
    alarm.add_alarm_action(action)
    alarm.add_ok_action(action)
