"""preflight: what an account lacks for a deploy, shown before anything is created."""

from collections.abc import Iterator

import click

from scripts.common.cli import command, environment_option
from scripts.common.console import console, printable
from scripts.common.exit_codes import FAILED, REFUSED
from scripts.common.target import find_target
from scripts.preconditions import account, domain, image, quotas, zones
from scripts.preconditions.condition import Condition, Deploy, Result
from stacks.config.environments import ENVIRONMENTS

CONDITIONS = (
    account.plan,
    account.bootstrap,
    account.earlier_deploys,
    account.service_linked_roles,
    account.api_log_role,
    account.alarm_address,
    domain.domain,
    zones.zones,
    zones.graph_instance_type,
    zones.nat_instance_type,
    zones.postgres_instance_type,
    image.image,
    quotas.lambda_concurrency,
    quotas.vpcs,
    quotas.addresses,
    quotas.vcpus,
)
READY, NOT_READY, UNDECIDED = 0, REFUSED, FAILED  # exit codes


@command()
@environment_option
@click.pass_context
def preflight(context: click.Context, environment: str) -> None:
    """Show what the account lacks for a deploy of the environment; change nothing.

    Each condition is green, red with what to do, or unknown with the reason. The command asks AWS, DNS and the registry
    of the graph's image. It needs only rights to read: docs/operations.md, "Prepare an account".

    Exit 0: all green. 1: something is red. 2: wrong use or missing credentials. 3: nothing red, something unknown.
    """
    deploy = Deploy(find_target(environment), ENVIRONMENTS[environment])
    with console(stderr=True).status("asking"):
        results = list(check_all(deploy))
    _show(f"{environment} in {deploy.environment.region}", results)
    states = {result.state for _, result in results}
    context.exit(NOT_READY if "red" in states else UNDECIDED if "unknown" in states else READY)


def check_all(deploy: Deploy) -> Iterator[tuple[Condition, Result]]:
    """Check each condition; if the account is not the environment's, only that one."""
    result = account.caller.check(deploy)
    yield account.caller, result
    if result.state == "green":
        for condition in CONDITIONS:
            yield condition, condition.check(deploy)


def _show(title: str, results: list[tuple[Condition, Result]]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left")
    for column in ("condition", "state", "finding", "what to do"):
        table.add_column(column, overflow="fold")
    for condition, result in results:
        state = Text(result.state, style={"unknown": "yellow"}.get(result.state, result.state))
        table.add_row(condition.name, state, *(Text(printable(one)) for one in (result.finding, result.remedy)))
    console().print(table)
