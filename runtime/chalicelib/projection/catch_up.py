"""What catch-up does every minute: notice a graph that was lost, project what waits, go on with a rebuild."""

from collections.abc import Callable

from chalicelib.graph.client import Graph
from chalicelib.ledger.ledger import Ledger
from chalicelib.projection import rebuild, watermark
from chalicelib.projection.projector import catch_up
from chalicelib.telemetry import log, measure, measure_seconds, seconds_since


def tend(ledger: Ledger, graph: Graph, *, in_time: Callable[[], bool]) -> int:
    """Bring the graph nearer to the ledger until both are the same, or time is up; return how many rows were drained.

    Before that, and so with the graph away too, it measures what waits. Raises GraphUnavailableError when the graph
    takes no writes.
    """
    waiting = ledger.waiting()
    measure(OutboxRows=waiting.rows, SetAsideRows=waiting.set_aside)
    measure_seconds(OutboxAge=waiting.age)
    if (marked := watermark.in_ledger(ledger)) is not None:
        measure_seconds(WatermarkAge=seconds_since(marked))
    wiping = _is_wiping(ledger)  # then it has no mark yet, and all is made anew already
    cause = None if wiping else watermark.what_is_amiss(ledger, graph)
    measure(GraphLost=int(cause is not None))
    if cause:
        log.error("the graph is not the ledger's", cause=cause)
        # Only from scratch is right: an older graph holds what was erased since, and another version's other shapes.
        rebuild.begin(ledger, cause=cause, from_scratch=True, anew=True)
    drained = catch_up(ledger, graph, in_time=in_time, between=lambda: rebuild.step(ledger, graph))
    if not _is_wiping(ledger):
        watermark.advance(ledger, graph)
    return drained


def _is_wiping(ledger: Ledger) -> bool:
    under_way = rebuild.under_way(ledger.connection)
    return bool(under_way and under_way["from_scratch"] and not under_way["walking_at"])
