"""An offline rebuild on AWS: the operations function exports, and a state machine has the graph's host import."""

import json
import time
from collections.abc import Callable
from typing import Any

import click

from scripts.common.errors import OperationError
from scripts.common.target import Target

Show = Callable[[str, int, int], object]
"""Is told what is being done, how many rows were exported so far, and of about how many."""

POLL_SECONDS = 10
START_SECONDS = 600  # for Neo4j, from the end of the import until it takes work
UNDER_WAY = ("RUNNING", "PENDING_REDRIVE")


def rebuild_offline(target: Target, show: Show) -> int:
    """Rebuild the graph from scratch and return the number of rows.

    Raises OperationError if a step fails. Whoever is interrupted leaves the rebuild to catch-up, which projects.
    """
    machine = target.outputs["ImportMachine"]
    show("waiting for projections to end", 0, 0)
    state: dict[str, Any] = {}
    try:
        for state in target.operate_in_calls("export_for_import"):
            show("exporting", state["rows"], max(state["rows"], state["of"]))
        files, rows = {name: state[name] for name in ("rebuild", "parts")}, state["rows"]
        show("importing; Neo4j is stopped", rows, rows)
        _import(target, machine, files)
        show("creating constraints and indexes", rows, rows)
        _finish(target, files)
    except BaseException:
        if state:
            _give_up(target, state)
        raise
    return int(rows)


def _give_up(target: Target, state: dict[str, Any]) -> None:
    try:
        target.operate("give_up_import", rebuild=state["rebuild"], parts=state["parts"])
    except OperationError as error:  # the reason to give up is the one that counts
        click.echo(f"{error}; catch-up continues within two hours, S3 deletes the files in a day", err=True)


def _import(target: Target, machine: str, files: dict[str, int]) -> None:
    """Have the state machine make the graph, and wait for its end. It is never stopped: it starts Neo4j again."""
    manifest = target.operate("begin_import", **files)["manifest"]
    steps = target.client("stepfunctions")
    started = steps.start_execution(
        stateMachineArn=machine, name=f"rebuild-{files['rebuild']}", input=json.dumps({"manifest": manifest})
    )["executionArn"]
    while (status := _status(steps, machine, started)) in UNDER_WAY:
        time.sleep(POLL_SECONDS)
    if status != "SUCCEEDED":
        raise OperationError(f"the import ended as {status}: the log of the state machine and of its task say why")


def _status(steps: Any, machine: str, execution: str) -> str:
    """Return the status of one of the machine's latest executions."""
    latest = steps.list_executions(stateMachineArn=machine, maxResults=100)["executions"]
    return next((str(one["status"]) for one in latest if one["executionArn"] == execution), "RUNNING")


def _finish(target: Target, files: dict[str, int]) -> None:
    """Open the new graph, as soon as Neo4j has started."""
    until, cursor = time.monotonic() + START_SECONDS, None
    while True:
        try:
            for state in target.operate_in_calls("finish_import", cursor=cursor, **files):
                cursor = state["cursor"]
        except OperationError as error:
            if cursor is not None or time.monotonic() > until or "the graph takes no work now" not in str(error):
                raise
            time.sleep(POLL_SECONDS)
        else:
            return
