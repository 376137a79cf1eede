"""Projects ledger rows into the graph: the one projection that live traffic, catch-up and rebuild share."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from itertools import groupby
from typing import Any, NamedTuple

from chalicelib.deadline import DeadlineError, within
from chalicelib.graph.client import Graph, GraphUnavailableError, RowsBusyError, RowsRefusedError
from chalicelib.graph.cypher import Changes
from chalicelib.interaction import Kind, microseconds
from chalicelib.ledger.ledger import RETRY_PAUSE, Ledger, Row
from chalicelib.projection import properties
from chalicelib.telemetry import age, log, measure

BUSY_PAUSE = timedelta(seconds=5)  # a claim takes the oldest rows; later ones get their turn meanwhile
MORE_CLAIMS_SECONDS = 1.0
KINDS = {kind.value for kind in Kind}


def changes(rows: Iterable[Row]) -> Changes:
    """Return what the rows write into the graph: it depends on their set, not on their order or repetition."""
    users: dict[str, dict[Any, dict[str, Any]]] = defaultdict(dict)
    for row in sorted({row.id: row for row in rows}.values(), key=lambda row: (row.timestamp, row.id)):
        event = users[row.user_id].setdefault(
            row.event_id, {"id": str(row.event_id), "kinds": [], "opening": [], "edges": []}
        )
        if Kind(row.kind).opens:
            event["kinds"].append(row.kind)
            event["opening"] = event["opening"] or [_content(row) | properties.of_opening(row.metadata)]
        elif row.artifact_id is not None:
            edge = {"kind": row.kind, "artifact_id": row.artifact_id}
            event["edges"].append(_content(row) | properties.of_touch(row.metadata) | edge)
    return Changes(
        [{"id": id_, "events": [events[key] for key in sorted(events)]} for id_, events in sorted(users.items())]
    )


def _content(row: Row) -> dict[str, Any]:
    # Two numbers, since the driver takes far longer for a datetime than for all else of a row (measured: 50 of 70 µs).
    seconds, rest = divmod(microseconds(row.timestamp), 1_000_000)
    return {"id": str(row.id), "seconds": seconds, "nanoseconds": rest * 1000}


def drain(ledger: Ledger, graph: Graph) -> int:
    """Project one claim of the outbox and return how many rows it took: 0 if nothing waits that no other drain has.

    Raises GraphUnavailableError if the graph takes no writes; every row is then in the outbox again, unchanged. A row
    that the graph refuses by itself is tried again later, and parked after the third time.
    """
    with ledger.claim() as rows:
        refused = project_or_requeue(ledger, graph, rows)
    if rows:
        measure(Projected=len(rows) - refused, TimeToGraph=age(min(row.received_at for row in rows)))
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
        # Only one user, whom an erasure or a verification holds: the second try usually succeeds.
        before_each()
        refused = list(_halve(graph, known, before_each))
    yield from refused


def _halve(graph: Graph, rows: Sequence[Row], before_each: Callable[[], None]) -> Iterator[Refusal]:
    try:
        graph.write(changes(rows), before_each)
    except RowsBusyError as error:
        # Not another drain, which has users of its own: an erasure, a verification, or a killed drain's transaction.
        users = [list(group) for _, group in groupby(rows, key=lambda row: row.user_id)]
        if len(users) == 1:
            yield from (Refusal(row, str(error), strike=False, pause=BUSY_PAUSE) for row in rows)
            return
        # Each user separately: with halving, every half that holds the busy user would wait again.
        parts = users
    except RowsRefusedError as error:
        if len(rows) == 1:
            yield Refusal(rows[0], str(error), strike=True)
            return
        middle = len(rows) // 2
        parts = [list(rows[:middle]), list(rows[middle:])]
    else:
        return
    for part in parts:
        before_each()
        yield from _halve(graph, part, before_each)


def drain_within(seconds: float, ledger: Ledger, graph: Graph) -> int:
    """Drain, claim after claim, until nothing waits or a second has passed, and return how many rows that took.

    One claim is not enough: rows that another worker stored while this one had leased their partition have no other
    drain until catch-up. At the deadline abandon both connections and raise GraphUnavailableError.
    """
    try:
        return within(seconds, lambda: _drain_for(MORE_CLAIMS_SECONDS, ledger, graph))
    except DeadlineError as error:
        ledger.abandon()
        graph.abandon()
        raise GraphUnavailableError(str(error)) from None


def _drain_for(seconds: float, ledger: Ledger, graph: Graph) -> int:
    until, total = time.monotonic() + seconds, 0
    while drained := drain(ledger, graph):
        total += drained
        if time.monotonic() > until:
            break
    return total


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
