"""Catch-up, every minute: notice a lost graph, project the rows that wait, continue a rebuild."""

from collections.abc import Callable

from chalicelib.graph.client import Graph
from chalicelib.ledger import rebuilds
from chalicelib.ledger import watermark as ledger_watermark
from chalicelib.ledger.ledger import Ledger
from chalicelib.projection import rebuild, watermark
from chalicelib.projection.projector import catch_up
from chalicelib.telemetry import log, measure, measure_seconds, seconds_since


def tend(ledger: Ledger, graph: Graph, *, in_time: Callable[[], bool]) -> int:
    """Project until the graph holds all of the ledger, or time is up; return how many rows were drained.

    It measures what waits first, so also while the graph is unavailable. Raises GraphUnavailableError if the graph
    takes no writes.
    """
    waiting = ledger.waiting()
    measure(OutboxRows=waiting.rows, SetAsideRows=waiting.parked)
    measure_seconds(OutboxAge=waiting.age_seconds)
    if reached_at := ledger_watermark.read(ledger.connection):
        measure_seconds(WatermarkAge=seconds_since(reached_at))
    # During a wipe the graph has no watermark yet, and is being rebuilt already.
    cause = None if rebuilds.is_wiping(ledger.connection) else watermark.graph_loss_reason(ledger, graph)
    measure(GraphLost=int(cause is not None))
    if cause:
        log.error("the graph is lost", cause=cause)
        # Only from scratch is right: an older graph holds what was erased since, and another version's elements.
        rebuild.begin(ledger, cause=cause, from_scratch=True, restart=True)
    drained = catch_up(ledger, graph, in_time=in_time, between=lambda: rebuild.step(ledger, graph))
    if not rebuilds.is_wiping(ledger.connection):
        watermark.advance(ledger, graph)
    return drained
