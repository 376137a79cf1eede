"""preflight: what an account lacks for a deploy, shown before anything is created."""

from typing import TYPE_CHECKING

import click

from scripts.common.cli import command, environment_option
from scripts.common.console import console, printable
from scripts.common.exit_codes import FAILED, REFUSED
from scripts.common.target import find_target
from stacks.config.environments import ENVIRONMENTS

if TYPE_CHECKING:
    from scripts.preconditions.condition import Condition, Result

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
    from scripts.preconditions.checks import check_all
    from scripts.preconditions.condition import Deploy

    deploy = Deploy(find_target(environment), ENVIRONMENTS[environment])
    with console(stderr=True).status("asking"):
        results = list(check_all(deploy))
    _show(f"{environment} in {deploy.environment.region}", results)
    states = {result.state for _, result in results}
    context.exit(NOT_READY if "red" in states else UNDECIDED if "unknown" in states else READY)


def _show(title: str, results: "list[tuple[Condition, Result]]") -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left")
    for column in ("condition", "state", "finding", "what to do"):
        table.add_column(column, overflow="fold")
    for condition, result in results:
        state = Text(result.state, style={"unknown": "yellow"}.get(result.state, result.state))
        table.add_row(condition.name, state, *(Text(printable(one)) for one in (result.finding, result.remedy)))
    console().print(table)
