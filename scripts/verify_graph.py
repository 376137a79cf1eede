"""verify-graph: compare the graph with the ledger."""

from typing import Any

import click

from chalicelib.verification import MODULUS
from scripts.common.cli import command, environment_option
from scripts.common.console import console, printable, show_table
from scripts.common.exit_codes import FAILED, REFUSED
from scripts.common.target import Target, find_target

SAME, DIFFERENT, UNDECIDED = 0, REFUSED, FAILED  # exit codes
MAX_EXAMPLES = 20


@command()
@environment_option
@click.option("--repair", is_flag=True, help="Repair exactly the differences.")
@click.pass_context
def verify_graph(context: click.Context, environment: str, *, repair: bool) -> None:
    """Compare each node, edge and property of the graph with those that the ledger implies.

    `ledger` and `graph` are checksums of the two sides.

    It reads without locks, and compares each user who differs again while the user's projection is paused: live traffic
    never counts as a difference. --repair deletes what no interaction implies and projects again what is missing.

    Exit 0: the same (or, after --repair, the same now). 1: different. 2: wrong use. 3: not all could be verified.
    """
    total = _compare(find_target(environment), repair=repair)
    _show(total)
    left = total["missing"] + total["extra"] + total["different"] - total["repaired"]
    click.echo("different" if left else "not all could be verified" if total["undecided"] else "the same")
    context.exit(DIFFERENT if left else UNDECIDED if total["undecided"] else SAME)


def _compare(target: Target, *, repair: bool) -> dict[str, Any]:
    total: dict[str, Any] = {}
    with console(stderr=True).status("comparing") as status:
        for report in target.operate_in_calls("verify", repair=repair):
            report |= {side: int(report[side], 16) for side in ("ledger", "graph")}
            total = {
                name: total[name] + value if total else value for name, value in report.items() if name != "cursor"
            }
            status.update(f"comparing: {total['users']} users")
    return total | {side: f"{total[side] % MODULUS:032x}" for side in ("ledger", "graph")}


def _show(total: dict[str, Any]) -> None:
    for name in ("users", "ledger", "graph", "missing", "extra", "different", "repaired"):
        click.echo(f"{name:10}{total[name]}")
    if total["examples"]:
        rows = [
            (one["what"], " ".join(map(str, one["element"])), ", ".join(one.get("in", [])))
            for one in total["examples"][:MAX_EXAMPLES]
        ]
        show_table(f"examples of differences (at most {MAX_EXAMPLES})", ["what", "element", "in"], rows)
    for one in total["undecided"]:
        click.echo(f"not verified: {printable(one['user'])}: {one['reason']}", err=True)
