"""The model of the costs: its counts are those of the templates, its page is what it prints, and dev is cheap."""

import re
from pathlib import Path
from typing import Any

import pytest

from stacks.config import costs
from stacks.config.environment import Environment
from stacks.config.environments import DEV, ENVIRONMENTS, STAGING
from tests.infra.template import Template

PAGE = Path(__file__).parents[2] / "docs" / "costs.md"


def test_the_page_has_the_tables_of_the_model() -> None:
    assert costs.tables() in PAGE.read_text()


def test_the_prices_of_a_million_are_the_sums_of_the_page() -> None:
    after = PAGE.read_text().partition("## Per million interactions")[2]
    sums = [float(dollars) for dollars in re.findall(r"\| \*\*total\*\* \| \| \*\*([\d.]+)\*\* \|", after)]
    assert sums == list(costs.PER_MILLION_DOLLARS.values())


@pytest.mark.parametrize("environment", [DEV, STAGING], ids=lambda one: one.name)
def test_dev_and_staging_cost_at_most_65_dollars_a_month(environment: Environment) -> None:
    assert costs.total(environment) <= 65


def test_alarms_secrets_and_addresses_are_counted(data: Template, service: Template, environment: Environment) -> None:
    if not environment.network:
        return  # nothing is billed there
    counted = {cost.what: cost.amount for cost in costs.fixed_costs(environment)}
    alarms = [alarm for stack in (data, service) for alarm in stack.of_type("AWS::CloudWatch::Alarm").values()]
    watched = sum(len(metrics_of(alarm)) or 1 for alarm in alarms)
    assert counted["metrics of alarms above the free ones"] == watched - costs.FREE_ALARMS
    own = sum(len(stack.of_type("AWS::SecretsManager::Secret")) for stack in (data, service))
    managed = sum(bool(one["Properties"].get("ManageMasterUserPassword")) for one in databases(data))
    assert counted["secrets"] == own + managed
    addresses = len(data.of_type("AWS::EC2::EIP")) + len(data.of_type("AWS::EC2::Instance"))
    assert counted["their public addresses"] == addresses
    assert len(service.of_type("AWS::CloudWatch::Dashboard")) <= costs.FREE_DASHBOARDS


def metrics_of(alarm: dict[str, Any]) -> list[Any]:
    """Return the metrics of an alarm on an expression; none for an alarm on one metric."""
    return [metric for metric in alarm["Properties"].get("Metrics", []) if "MetricStat" in metric]


def databases(data: Template) -> list[dict[str, dict[str, object]]]:
    return list(data.of_type("AWS::RDS::DBInstance").values())


def test_every_price_says_where_it_comes_from() -> None:
    used = {cost.price for environment in ENVIRONMENTS.values() for cost in costs.fixed_costs(environment)}
    assert used <= set(costs.PRICES)
    assert all(price.source for price in costs.PRICES.values())
