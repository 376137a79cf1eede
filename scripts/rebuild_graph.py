"""rebuild-graph: project the ledger into the graph again."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Event
from typing import TYPE_CHECKING, Any

import click

from scripts.common.cli import Time, command, environment_option
from scripts.common.console import console, printable, progress
from scripts.common.errors import OperationError, WrongUseError
from scripts.common.target import ENDPOINT, Target, find_target
from scripts.common.users import find_user
from stacks.config.environment import Environment
from stacks.config.environments import ENVIRONMENTS
from stacks.config.options import EcsGraph

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

PARALLEL_CALLS = 2  # a third one finds Neo4j busy
PAUSE_SECONDS = 0.2  # between two calls of one thread: the other one may hold all that is left


@command()
@environment_option
@click.option("--user", metavar="USER", help="Only this user's part: an e-mail address or an id.")
@click.option("--since", type=Time(), help="Only what happened since then: 90m, 12h, 3d, or a time (UTC).")
@click.option("--from-scratch", is_flag=True, help="Delete the whole graph first, for all users.")
@click.option("--offline", is_flag=True, help="With --from-scratch: by Neo4j's importer; Neo4j stops.")
@click.option("--yes", is_flag=True, help="Confirm --from-scratch.")
def rebuild_graph(
    environment: str, user: str | None, since: datetime | None, *, from_scratch: bool, offline: bool, yes: bool
) -> None:
    """Rebuild the graph from the ledger while live traffic goes on.

    It adds what is missing and keeps what is there. Only --from-scratch removes what the ledger does not imply; so does
    `verify-graph --repair`, which never leaves the graph empty.

    Safe to interrupt: it continues when you run it again, or by itself in the catch-up of every minute. One that is
    --offline begins again when you run it again; by itself it continues without the importer.
    """
    if user is not None and (since or from_scratch):
        raise WrongUseError("--user goes with neither --since nor --from-scratch")
    if since and from_scratch:
        raise WrongUseError("--from-scratch deletes everything: it does not go with --since")
    if from_scratch != yes:
        raise WrongUseError("--from-scratch and --yes go together: until it ends, readers find an incomplete graph")
    if offline and not from_scratch:
        raise WrongUseError("--offline goes with --from-scratch --yes")
    if offline and environment in ENVIRONMENTS and not _has_importer(ENVIRONMENTS[environment]):
        raise WrongUseError(f"--offline needs a Neo4j that we run ourselves: for {environment} leave it out")
    target = find_target(environment)
    if user is not None:
        _rebuild_user(target, user)
    elif offline:
        rebuild_by_importer(target)
    else:
        _rebuild(target, since.isoformat() if since else None, from_scratch=from_scratch)


def _rebuild_user(target: Target, user: str) -> None:
    user_id = find_user(target, user).user_id
    counts = target.operate("holdings", user_id=user_id)
    if not counts["interactions"]:
        raise WrongUseError(f"{target.name} holds no interactions of a user {user!r}")
    for _ in target.operate_in_calls("rebuild_user", user_id=user_id):
        pass
    click.echo(f"projected again: {printable(user_id)}, {counts['interactions']} interactions")
    if waiting := target.operate("holdings", user_id=user_id)["waiting"]:
        raise OperationError(f"{waiting} of them wait: the graph refused them, or they are new")


def _has_importer(environment: Environment) -> bool:
    return environment.local_endpoint or isinstance(environment.graph, EcsGraph)


def rebuild_by_importer(target: Target) -> None:
    """Have Neo4j's importer make the graph again. Raises OperationError if it failed."""
    from scripts.common import offline_rebuild

    began = time.monotonic()
    with progress() as bar:
        task = bar.add_task("starting", total=None)

        def show(doing: str, rows: int, of: int) -> None:
            bar.update(task, description=doing, completed=rows, total=of or None)

        rows = _rebuild_locally(target, show) if target.endpoint else offline_rebuild.rebuild_offline(target, show)
    click.echo(f"imported {rows} interactions in {time.monotonic() - began:.0f} s")


def _rebuild_locally(target: Target, show: Callable[[str, int, int], object]) -> int:
    import psycopg

    from chalicelib.graph.errors import GraphUnavailableError, RowsRefusedError
    from chalicelib.ledger.rebuilds import OfflineError
    from local.component import CloudError
    from local.lock import alone
    from local.offline_rebuild import rebuild_offline
    from local.stop import FOLDER
    from local.up import find_cloud

    def tell(text: str) -> None:
        click.echo(text, err=True)

    with alone(tell):
        cloud = find_cloud(FOLDER, tell)
        if cloud.environment()[ENDPOINT] != target.endpoint:
            raise WrongUseError(
                f"the cloud at {target.endpoint} is not this clone's: use a shell without its variables"
            )
        try:
            return rebuild_offline(cloud, show)
        except (CloudError, GraphUnavailableError, RowsRefusedError, OfflineError, psycopg.OperationalError) as error:
            raise OperationError(f"{error}; `rebuild-graph --from-scratch --yes` works without the importer") from None


def _rebuild(target: Target, since: str | None, *, from_scratch: bool) -> None:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
    from rich.progress import TimeRemainingColumn as Remaining

    began, stop = time.monotonic(), Event()
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"), TimeElapsedColumn(), Remaining())
    with Progress(TextColumn("{task.description}"), *columns, console=console(stderr=True)) as bar:
        task = bar.add_task("starting", total=None, rate="")
        state = target.operate("rebuild", since=since, from_scratch=from_scratch)
        _show(bar, task, state)

        def work(_: int) -> dict[str, Any]:
            latest: dict[str, Any] = state
            for latest in target.operate_in_calls("rebuild", cursor=state["cursor"]) if state["cursor"] else ():
                _show(bar, task, latest)
                if stop.wait(PAUSE_SECONDS):
                    break
            return latest

        with ThreadPoolExecutor(PARALLEL_CALLS) as pool:
            try:
                state = list(pool.map(work, range(PARALLEL_CALLS)))[-1]
            finally:
                stop.set()
    if state["superseded"]:
        raise OperationError("another rebuild replaced it: run the command again to help that one")
    click.echo(f"projected {state['projected']} interactions in {time.monotonic() - began:.0f} s")


def _show(bar: "Progress", task: "TaskID", state: dict[str, Any]) -> None:
    if not state["walking_at"]:
        bar.update(task, description="deleting")
        return
    seconds = (datetime.now(UTC) - datetime.fromisoformat(state["walking_at"])).total_seconds()
    rate = f"{state['projected'] / max(seconds, 0.1):.0f}/s"
    total = max(state["estimated"], state["projected"])
    bar.update(task, description="projecting", completed=state["projected"], total=total, rate=rate)
