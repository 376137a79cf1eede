"""Catch-up, every minute: notice a lost graph, project the rows that wait, continue a rebuild, keep answers ahead."""

from collections.abc import Callable
from datetime import datetime, timedelta

from chalicelib.graph.client import Graph
from chalicelib.ledger import day_answers, offline, rebuilds, statistics
from chalicelib.ledger import watermark as ledger_watermark
from chalicelib.ledger.ledger import Ledger
from chalicelib.projection import rebuild, watermark
from chalicelib.projection.projector import catch_up
from chalicelib.telemetry import age, log, measure

FORGET_SECONDS = 10  # of a run, for the kept answers that changed


def tend(ledger: Ledger, graph: Graph, *, in_time: Callable[[], bool]) -> int:
    """Project until the graph holds all of the ledger, or time is up; return how many rows were drained.

    It measures what waits first, so also while the graph is unavailable. Raises GraphUnavailableError if the graph
    takes no writes.
    """
    waiting = ledger.waiting()
    measure(OutboxRows=waiting.rows, SetAsideRows=waiting.parked, OutboxAge=timedelta(seconds=waiting.age_seconds))
    if reached_at := ledger_watermark.read(ledger.connection):
        measure(WatermarkAge=age(reached_at))
    drained = 0
    try:
        day_answers.forget_changed(ledger.connection, seconds=FORGET_SECONDS)
    finally:  # if it fails, the run fails, but not before the graph has what waits for it
        if not offline.is_under_way(ledger.connection):  # the graph takes nothing; what is imported is not ready yet
            drained = _project(ledger, graph, in_time=in_time)
    statistics.keep_ahead(ledger, in_time=in_time)
    return drained


def _project(ledger: Ledger, graph: Graph, *, in_time: Callable[[], bool]) -> int:
    checked = _check(ledger, graph)
    drained = catch_up(ledger, graph, in_time=in_time, between=lambda: rebuild.step(ledger, graph))
    if checked and not watermark.advance(ledger, graph, checked):
        log.warning("the watermark did not move: the graph changed meanwhile")
    return drained


def _check(ledger: Ledger, graph: Graph) -> datetime | None:
    """Begin a rebuild if the graph is lost; return the watermark that may move after this run, if any."""
    if rebuilds.is_wiping(ledger.connection):  # then the graph has no watermark yet, and is being rebuilt already
        measure(GraphLost=0)
        rebuild.step(ledger, graph)  # before any row: an offline rebuild that was given up has left the graph sealed
        return None
    reason, checked = watermark.check(ledger, graph)
    measure(GraphLost=int(reason is not None))
    if reason:
        log.error("the graph is lost", cause=reason)
        # Only from scratch is right: an older graph holds what was erased since, and another version's elements.
        rebuild.begin(ledger, cause=reason, from_scratch=True, restart=True)
    return checked
