"""rebuild-graph: make the graph again from the ledger."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Event
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import TimeRemainingColumn as Remaining

from scripts.common.cli import Moment, command, environment_option, run
from scripts.common.target import OperationError, Target, WrongUseError, find
from scripts.common.users import find_person

SIDE_BY_SIDE = 2  # calls; a third finds Neo4j busy


@command()
@environment_option
@click.option("--user", metavar="USER", help="Only this user's part: an e-mail address or an id.")
@click.option("--since", type=Moment(), help="Only what happened since then: 90m, 12h, 3d, or a time (UTC).")
@click.option("--from-scratch", is_flag=True, help="Wipe the graph first: all of it, for everybody.")
@click.option("--yes", is_flag=True, help="With --from-scratch: really.")
def rebuild_graph(environment: str, user: str | None, since: datetime | None, *, from_scratch: bool, yes: bool) -> None:
    """Make the graph again from the ledger, while live traffic goes on.

    What is there already stays as it is, and what is missing is added. Only --from-scratch removes what the ledger does
    not imply (so does `verify-graph --repair`, without an empty graph in between).

    Safe to interrupt: it goes on where it was when you run it again, and without you in the catch-up of every minute.
    """
    if user is not None and (since or from_scratch):
        raise WrongUseError("--user goes with neither --since nor --from-scratch")
    if since and from_scratch:
        raise WrongUseError("--from-scratch leaves nothing from before: it does not go with --since")
    if from_scratch != yes:
        raise WrongUseError("--from-scratch and --yes go together: until it ends, readers find an incomplete graph")
    target = find(environment)
    if user is not None:
        _rebuild_user(target, user)
    else:
        _rebuild(target, since.isoformat() if since else None, from_scratch=from_scratch)


def _rebuild_user(target: Target, user: str) -> None:
    user_id = find_person(target, user).user_id
    held = target.operate("holdings", user_id=user_id)
    if not held["interactions"]:
        raise WrongUseError(f"{target.name} holds no interactions of a user {user!r}")
    cursor = target.operate("rebuild_user", user_id=user_id)["cursor"]
    while cursor:
        cursor = target.operate("rebuild_user", user_id=user_id, cursor=cursor)["cursor"]
    click.echo(f"projected again: {user_id}, {held['interactions']} interactions")
    if waiting := target.operate("holdings", user_id=user_id)["waiting"]:
        raise OperationError(f"{waiting} of them wait: the graph did not take them, or they have just come")


def _rebuild(target: Target, since: str | None, *, from_scratch: bool) -> None:
    began, stop = time.monotonic(), Event()
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"), TimeElapsedColumn(), Remaining())
    with Progress(TextColumn("{task.description}"), *columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("beginning", total=None, rate="")
        state = target.operate("rebuild", since=since, from_scratch=from_scratch)
        _show(bar, task, state)

        def work(_: int) -> dict[str, Any]:
            latest: dict[str, Any] = state
            while latest["cursor"] and not stop.is_set():
                latest = target.operate("rebuild", cursor=latest["cursor"])
                _show(bar, task, latest)
                stop.wait(0.2)  # the other call may hold all that is left
            return latest

        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            try:
                state = list(pool.map(work, range(SIDE_BY_SIDE)))[-1]
            finally:
                stop.set()
    if state["superseded"]:
        raise OperationError("another rebuild took its place: run the command again to help that one")
    click.echo(f"projected {state['projected']} interactions in {time.monotonic() - began:.0f} s")


def _show(bar: Progress, task: TaskID, state: dict[str, Any]) -> None:
    if not state["walking_at"]:
        bar.update(task, description="wiping")
        return
    seconds = (datetime.now(UTC) - datetime.fromisoformat(state["walking_at"])).total_seconds()
    rate = f"{state['projected'] / max(seconds, 0.1):.0f}/s"
    total = max(state["estimated"], state["projected"])
    bar.update(task, description="projecting", completed=state["projected"], total=total, rate=rate)


def main() -> None:
    """Run the command."""
    run(rebuild_graph)
