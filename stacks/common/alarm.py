"""Alarms, each named like a heading in docs/operations.md."""

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
    periods: int,
    above: float | None = None,
    below: float | None = None,
    missing_is_bad: bool = False,
    id_: str = "",
) -> None:
    """Make an alarm "ENVIRONMENT: heading" that notifies the topic when it begins and when it ends.

    It begins when the metric was out of bounds in each of the last `periods`, which are the metric's own. Exactly one
    of `above` and `below` is the bound. The construct's id is the heading, unless `id_` is given.
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
        id_ or heading,
        alarm_name=f"{environment.name}: {heading}",
        alarm_description=f'What it means and what to do: docs/operations.md, "{heading}".',
        metric=metric,
        threshold=bound,
        comparison_operator=operator,
        evaluation_periods=periods,
        treat_missing_data=missing.BREACHING if missing_is_bad else missing.NOT_BREACHING,
    )
    action = actions.SnsAction(topic)
    alarm.add_alarm_action(action)
    alarm.add_ok_action(action)
