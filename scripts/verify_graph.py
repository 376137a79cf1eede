"""verify-graph: compare the live graph with the one that the ledger implies."""

from typing import Any

import click
from rich.console import Console
from rich.table import Table

from scripts.target import Target, environment_option, find, run

SAME, DIFFERENT, UNDECIDED = 0, 1, 3
EXAMPLES = 20
MODULUS = 1 << 128  # of the digests: they are sums


@click.command()
@environment_option
@click.option("--repair", is_flag=True, help="Mend what differs: exactly that.")
@click.pass_context
def verify_graph(context: click.Context, environment: str, *, repair: bool) -> None:
    """Compare the live graph with the one that the ledger implies: each node, edge and property.

    It reads without locks, and looks again at each user who differs while their projection stands still: traffic never
    shows as a difference. --repair deletes what no interaction implies and projects again what is missing.

    Exit 0: the same (or now the same, after --repair). 1: different. 2: wrong use. 3: it could not be told.
    """
    total = _compare(find(environment), repair=repair)
    _show(total)
    left = total["missing"] + total["extra"] + total["different"] - total["mended"]
    context.exit(DIFFERENT if left else UNDECIDED if total["undecided"] else SAME)


def _compare(target: Target, *, repair: bool) -> dict[str, Any]:
    total: dict[str, Any] = {}
    cursor: Any = None
    with Console(stderr=True).status("comparing") as status:
        while cursor or not total:
            report = target.operate("verify", repair=repair, cursor=cursor)
            cursor = report.pop("cursor")
            report |= {side: int(report[side], 16) for side in ("ledger", "graph")}
            total = {name: total[name] + value if total else value for name, value in report.items()}
            status.update(f"comparing: {total['users']} users")
    return total | {side: f"{total[side] % MODULUS:032x}" for side in ("ledger", "graph")}


def _show(total: dict[str, Any]) -> None:
    click.echo(f"users    {total['users']}")
    click.echo(f"ledger   {total['ledger']}")
    click.echo(f"graph    {total['graph']}")
    for name in ("missing", "extra", "different", "mended"):
        click.echo(f"{name:9}{total[name]}")
    if total["examples"]:
        table = Table("what", "element", "in", title=f"Some of the differences (at most {EXAMPLES})")
        for one in total["examples"][:EXAMPLES]:
            table.add_row(one["what"], " ".join(map(str, one["element"])), ", ".join(one.get("in", [])))
        Console(markup=False).print(table)
    for one in total["undecided"]:
        click.echo(f"could not tell of {one['user']}: {one['reason']}", err=True)


def main() -> None:
    """Run the command."""
    run(verify_graph)
