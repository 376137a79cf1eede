"""Projects ledger rows into the graph: the one projection that live traffic, catch-up and rebuild share."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from datetime import timedelta
from itertools import groupby
from threading import Thread
from typing import Any, NamedTuple

from chalicelib.graph.client import Graph, GraphUnavailableError, RowsBusyError, RowsRefusedError
from chalicelib.graph.cypher import Changes, Parameters
from chalicelib.interaction import GRAPH_METADATA_BYTES, Kind
from chalicelib.ledger.ledger import RETRY_PAUSE, Ledger, Row
from chalicelib.telemetry import log, measure, measure_seconds, seconds_since

BUSY_PAUSE = timedelta(seconds=5)  # a claim takes the oldest rows; later ones get their turn meanwhile
KINDS = {kind.value for kind in Kind}


def changes(rows: Sequence[Row]) -> Changes:
    """Return what the rows write into the graph: it depends on their set, not on their order or repetition."""
    events = sorted({(row.user_id, str(row.event_id)) for row in rows})
    openings: dict[tuple[str, str], Row] = {}
    labels: dict[Kind, set[tuple[str, str]]] = defaultdict(set)
    artifacts: set[tuple[str, str]] = set()
    edges: dict[Kind, dict[str, dict[str, Any]]] = defaultdict(dict)
    for row in sorted(rows, key=lambda row: (row.timestamp, row.id)):
        kind, event = Kind(row.kind), (row.user_id, str(row.event_id))
        if kind.opens:
            openings.setdefault(event, row)
            labels[kind].add(event)
        elif row.artifact_id is not None:
            artifacts.add((row.user_id, row.artifact_id))
            edges[kind][str(row.id)] = _properties(row)
    return Changes(
        users=sorted({row.user_id for row in rows}),
        events=_keys(events, "event_id"),
        openings=[_properties(row) for _, row in sorted(openings.items())],
        labels={kind: _keys(sorted(labels[kind]), "event_id") for kind in Kind if kind in labels},
        artifacts=_keys(sorted(artifacts), "artifact_id"),
        edges={kind: list(edges[kind].values()) for kind in Kind if kind in edges},
    )


def _keys(pairs: Sequence[tuple[str, str]], name: str) -> Parameters:
    return [{"user_id": user_id, name: value} for user_id, value in pairs]


def _properties(row: Row) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "user_id": row.user_id,
        "event_id": str(row.event_id),
        "artifact_id": row.artifact_id,
        "timestamp": row.timestamp,
        "metadata": _bounded(row.metadata),
    }


def _bounded(metadata: str | None) -> str | None:
    """Return metadata as the graph holds it: long metadata as a marker, so that no user can fill the graph's disk."""
    size = len((metadata or "").encode())
    return metadata if size <= GRAPH_METADATA_BYTES else f'{{"only_in_ledger_bytes": {size}}}'


def drain(ledger: Ledger, graph: Graph) -> int:
    """Project one claim of the outbox and return how many rows it took: 0 if nothing waits.

    Raises GraphUnavailableError if the graph takes no writes; every row is then in the outbox again, unchanged. A row
    that the graph refuses by itself is tried again later, and parked after the third time.
    """
    with ledger.claim() as rows:
        refused = project_or_requeue(ledger, graph, rows)
    if rows:
        measure(Projected=len(rows) - refused)
        measure_seconds(TimeToGraph=max(seconds_since(row.received_at) for row in rows))
    return len(rows)


def project_or_requeue(ledger: Ledger, graph: Graph, rows: Sequence[Row]) -> int:
    """Project rows that this transaction of the ledger read, and return how many of them were requeued instead.

    Raises GraphUnavailableError if the graph takes no writes.
    """
    refused = list(project(graph, rows, before_each=ledger.keep_transaction)) if rows else []
    if any(refusal.strike for refusal in refused):
        graph.check_writable()
    for row, code, strike, pause in refused:
        parked = ledger.requeue(row, code, strike=strike, pause=pause)
        log.warning("not projected", interaction_id=str(row.id), code=code, parked=parked)
        measure(GraphRefused=int(strike), SetAside=int(parked))
    return len(refused)


class Refusal(NamedTuple):
    """A row that was not projected, whether that counts as one of its attempts, and the pause before the next."""

    row: Row
    code: str
    strike: bool
    pause: timedelta = RETRY_PAUSE


def project(graph: Graph, rows: Sequence[Row], before_each: Callable[[], None]) -> Iterator[Refusal]:
    """Write the rows, and yield those that the graph did not take.

    Rows of an unknown kind wait for newer code: during a deploy both run in parallel.
    """
    yield from (Refusal(row, "of a kind unknown here", strike=False) for row in rows if row.kind not in KINDS)
    # By user, so that halving separates one user's rows from another's.
    known = sorted((row for row in rows if row.kind in KINDS), key=lambda row: row.user_id)
    if not known:
        return
    refused = list(_halve(graph, known, before_each))
    if known[0].user_id == known[-1].user_id and refused and refused[0].pause == BUSY_PAUSE:
        # Only one user is busy: two workers met at this user's first rows. The second try usually succeeds.
        refused = list(_halve(graph, known, before_each))
    yield from refused


def _halve(graph: Graph, rows: Sequence[Row], before_each: Callable[[], None]) -> Iterator[Refusal]:
    before_each()
    try:
        graph.write(changes(rows))
    except RowsBusyError as error:
        users = [list(group) for _, group in groupby(rows, key=lambda row: row.user_id)]
        if len(users) == 1:
            yield from (Refusal(row, str(error), strike=False, pause=BUSY_PAUSE) for row in rows)
            return
        # Each user separately: with halving, every half that holds the busy user would wait again.
        for group in users:
            yield from _halve(graph, group, before_each)
    except RowsRefusedError as error:
        if len(rows) == 1:
            yield Refusal(rows[0], str(error), strike=True)
            return
        middle = len(rows) // 2
        yield from _halve(graph, rows[:middle], before_each)
        yield from _halve(graph, rows[middle:], before_each)


def drain_within(seconds: float, ledger: Ledger, graph: Graph) -> int:
    """Drain one claim, as `drain` does; at the deadline abandon both connections and raise GraphUnavailableError.

    A frozen Neo4j blocks its client far longer than every time-out of the driver; only another thread can give up.
    """
    outcome: Future[int] = Future()

    def work() -> None:
        try:
            outcome.set_result(drain(ledger, graph))
        except BaseException as error:  # noqa: BLE001  the caller gets it, whatever it is
            outcome.set_exception(error)

    Thread(target=work, daemon=True).start()
    try:
        return outcome.result(seconds)
    except TimeoutError:
        if outcome.done():
            raise
        ledger.abandon()
        graph.abandon()
        raise GraphUnavailableError(f"no answer within {seconds} s") from None


def catch_up(
    ledger: Ledger, graph: Graph, *, in_time: Callable[[], bool], between: Callable[[], int] = lambda: 0
) -> int:
    """Drain until the outbox is empty, or time is up, and return how many rows were drained.

    After each claim it does a part of other work, `between`, and goes on until that returns 0 too.
    """
    graph.prepare()
    total = 0
    while in_time():
        drained, other_work = drain(ledger, graph), between()
        if not (drained or other_work):
            break
        total += drained
    return total
