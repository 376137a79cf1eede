"""How fast the ledger's `store` and the worker's `handle` are, beside a raw insert of the same rows.

Both once more with Postgres a millisecond away, where each round trip costs one.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import closing, redirect_stdout
from functools import partial
from io import StringIO
from typing import Any

import psycopg

from bench.ceilings import insert_raw
from bench.far import far
from bench.rows import interactions
from bench.stores import Stores
from chalicelib.interaction import Interaction
from chalicelib.ledger import connection as postgres
from chalicelib.ledger.ledger import Ledger, columns
from chalicelib.queue import encode
from chalicelib.worker import Worker

SIZES = {10: 0.1, 100: 0.5, 1000: 1.0}  # of a batch, and the share of the rows that a round sends in such batches

FAR_BATCH, FAR_SHARE = 10, 0.05
ROUND_TRIPS = "round trips"


class NoQueue:
    """A dead-letter queue that gets no message: no row of the bench is poison."""

    def send(self, body: str, *, reason: str) -> None:
        """Refuse it."""
        raise ValueError(f"{reason}: {body}")


def rates(stores: Stores, rows: int, seeds: Callable[[], int]) -> dict[str, tuple[float, float]]:
    """Return rates in rows/s, each with the ceiling's."""
    found: dict[str, tuple[float, float]] = {}
    for size, share in SIZES.items():
        count = max(size, int(rows * share))
        raw = [_values(batch) for batch in _batches(interactions(count, seeds()), size)]
        own = _batches(interactions(count, seeds()), size)
        messages = [_event(batch) for batch in _batches(interactions(count, seeds()), size)]
        ceiling = count / _seconds(partial(insert_raw, stores.owner, raw))
        found[f"store {size}"] = (count / _seconds(partial(_store, stores.ledger, own)), ceiling)
        found[f"handle {size}"] = (count / _seconds(partial(_handle, stores, messages)), ceiling)
        stores.owner.execute("TRUNCATE graph_outbox")
    return found | _from_afar(stores, max(FAR_BATCH, int(rows * FAR_SHARE)), seeds)


def _from_afar(stores: Stores, rows: int, seeds: Callable[[], int]) -> dict[str, tuple[float, float]]:
    """Return the rates with a millisecond's way to Postgres, and how many round trips a batch takes."""
    own, raw = (_batches(interactions(rows, seeds()), FAR_BATCH) for _ in range(2))
    secret = stores.secrets["postgres"]
    with far(secret["port"]) as way:
        conninfo = postgres.conninfo(secret | {"port": way.port})
        with closing(Ledger(lambda: conninfo)) as ledger, psycopg.connect(conninfo, autocommit=True) as bare:
            _store(ledger, own[:1])  # connects
            before = way.round_trips
            rate = rows / _seconds(partial(_store, ledger, own))
            trips = (way.round_trips - before) / len(own)
            ceiling = rows / _seconds(partial(insert_raw, bare, [_values(batch) for batch in raw]))
    stores.owner.execute("TRUNCATE graph_outbox")
    return {f"store {FAR_BATCH}, 1 ms away": (rate, ceiling), f"store {FAR_BATCH}, {ROUND_TRIPS}": (trips, 1.0)}


def _store(ledger: Ledger, batches: Sequence[Sequence[Interaction]]) -> None:
    for batch in batches:
        ledger.store(batch)


def _handle(stores: Stores, events: Sequence[dict[str, Any]]) -> None:
    worker = Worker(open_ledger=lambda: stores.ledger, open_graph=lambda: stores.graph, dead_letter_queue=NoQueue())
    worker._paused_until = float("inf")  # noqa: SLF001  without the drain
    with redirect_stdout(StringIO()):
        for event in events:
            worker.handle(event)


def _values(interactions: Sequence[Interaction]) -> dict[str, Any]:
    return {name: value for name, value in columns(interactions).items() if name not in ("row_bytes", "signed_in_at")}


def _event(batch: Sequence[Interaction]) -> dict[str, Any]:
    return {"Records": [{"messageId": one.id, "body": encode(one)} for one in batch]}


def _batches(rows: Sequence[Interaction], size: int) -> list[Sequence[Interaction]]:
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def _seconds(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
