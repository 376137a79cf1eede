"""How fast the ledger's `store` and the worker's `handle` are, beside a raw insert of the same rows."""

import time
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from functools import partial
from io import StringIO
from typing import Any

from bench.ceilings import insert_raw
from bench.rows import interactions
from bench.stores import Stores
from chalicelib.interaction import Interaction
from chalicelib.ledger.ledger import columns
from chalicelib.queue import encode
from chalicelib.worker import Worker

SIZES = {10: 0.1, 100: 0.5, 1000: 1.0}  # of a batch, and the share of the rows that a round sends in such batches


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
        found[f"store {size}"] = (count / _seconds(partial(_store, stores, own)), ceiling)
        found[f"handle {size}"] = (count / _seconds(partial(_handle, stores, messages)), ceiling)
        stores.owner.execute("TRUNCATE graph_outbox")
    return found


def _store(stores: Stores, batches: Sequence[Sequence[Interaction]]) -> None:
    for batch in batches:
        stores.ledger.store(batch)


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
