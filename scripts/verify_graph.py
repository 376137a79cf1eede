"""verify-graph: compare the live graph with the one that the ledger implies."""

from typing import Any

import click
from rich.console import Console

from scripts.common.cli import command, environment_option, run
from scripts.common.console import printable, show_table
from scripts.common.target import Target, find

SAME, DIFFERENT, UNDECIDED = 0, 1, 3
EXAMPLES = 20
MODULUS = 1 << 128  # of the digests: they are sums


@command()
@environment_option
@click.option("--repair", is_flag=True, help="Mend what differs: exactly that.")
@click.pass_context
def verify_graph(context: click.Context, environment: str, *, repair: bool) -> None:
    """Compare the live graph with the one that the ledger implies: each node, edge and property.

    `ledger` and `graph` are checksums of the two sides.

    It reads without locks, and looks again at each user who differs while their projection stands still: traffic never
    shows as a difference. --repair deletes what no interaction implies and projects again what is missing.

    Exit 0: the same (or now the same, after --repair). 1: different. 2: wrong use. 3: it could not be told.
    """
    try:
        total = _compare(find(environment), repair=repair)
    except KeyboardInterrupt:
        click.echo("interrupted: it could not be told", err=True)  # click's own exit would say: different
        context.exit(UNDECIDED)
    _show(total)
    left = total["missing"] + total["extra"] + total["different"] - total["mended"]
    click.echo("different" if left else "could not tell of all" if total["undecided"] else "the same")
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
    for name in ("users", "ledger", "graph", "missing", "extra", "different", "mended"):
        click.echo(f"{name:10}{total[name]}")
    if total["examples"]:
        rows = [
            (one["what"], " ".join(map(str, one["element"])), ", ".join(one.get("in", [])))
            for one in total["examples"][:EXAMPLES]
        ]
        show_table(f"some of the differences (at most {EXAMPLES})", ["what", "element", "in"], rows)
    for one in total["undecided"]:
        click.echo(f"could not tell of {printable(one['user'])}: {one['reason']}", err=True)


def main() -> None:
    """Run the command."""
    run(verify_graph)
