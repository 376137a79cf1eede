"""The worker's handler in this process: `python -m tests.load.worker SECONDS MESSAGES MESSAGES_PER_SECOND`.

It reads the stores' secrets from its standard input, handles batches until either limit, no faster than that (inf: at
full speed), and prints JSON.
"""

import itertools
import json
import os
import random
import sys
import time
import uuid
from contextlib import closing
from datetime import UTC, datetime
from statistics import quantiles
from typing import Any

import psutil

from chalicelib.graph import client
from chalicelib.graph.client import Graph
from chalicelib.interaction import Kind, microseconds
from chalicelib.ledger import connection as postgres
from chalicelib.ledger.ledger import Ledger
from chalicelib.projection.projector import catch_up
from chalicelib.worker import Worker

BATCH = 100
USERS = 1000
SAMPLES = 10  # of memory
DRAIN_SECONDS = 600


class NoDeadLetters:
    """Nothing here is poison."""

    def send(self, body: str, *, reason: str) -> None:
        raise AssertionError(f"{reason}: {body}")


def messages() -> Any:
    """Yield messages of a thousand people, each with one interaction."""
    dice = random.Random(15)  # noqa: S311  no secret
    kinds = [kind.value for kind in Kind]
    for number in itertools.count():
        now = microseconds(datetime.now(UTC))
        event = uuid.uuid5(uuid.NAMESPACE_URL, str(number // 8))
        interaction = {
            "id": str(uuid.UUID(int=0)),
            "user_id": f"load-{number // 8 % USERS}",
            "event_id": str(event),
            "kind": dice.choice(kinds),
            "artifact_id": f"artifact-{dice.randrange(10_000)}",
            "metadata": {"query": f"words {number}"},
            "timestamp": now,
            "received_at": now,
        }
        yield {"messageId": str(number), "body": json.dumps({"version": 2, "interactions": [interaction]})}


def main() -> None:
    """Handle, then drain what is left, and tell what it took."""
    seconds, limit, speed = float(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    secrets = json.load(sys.stdin)
    print_to = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the functions' own log

    def open_ledger() -> Ledger:
        return Ledger(lambda: postgres.conninfo(secrets["postgres"]))

    def open_graph() -> Graph:
        return Graph(lambda: client.connect(**secrets["neo4j"]))

    worker = Worker(open_ledger=open_ledger, open_graph=open_graph, dead_letter_queue=NoDeadLetters())
    source, took, handled = messages(), [], 0
    memory: list[int] = []
    began = time.monotonic()
    process = psutil.Process()
    while handled < limit and (elapsed := time.monotonic() - began) < seconds:
        if elapsed >= len(memory) * seconds / SAMPLES:
            memory.append(round(process.memory_info().rss / 1e6))
        time.sleep(max(0.0, handled / speed - elapsed))
        batch = list(itertools.islice(source, min(BATCH, limit - handled)))
        at = time.monotonic()
        assert worker.handle({"Records": batch}) == {"batchItemFailures": []}
        took.append(time.monotonic() - at)
        handled += len(batch)
    handling_seconds = time.monotonic() - began
    worker.close()
    with closing(open_ledger()) as ledger, closing(open_graph()) as graph:
        waiting = ledger.waiting().rows
        at = time.monotonic()
        while ledger.waiting().rows and time.monotonic() - at < DRAIN_SECONDS:
            catch_up(ledger, graph, in_time=lambda: True)
        drain_seconds = time.monotonic() - at
        never_drained = ledger.waiting().rows
    percentiles = quantiles(took, n=100)
    result = {
        "messages": handled,
        "seconds": round(handling_seconds),
        "messages_per_second": round(handled / handling_seconds),
        "batch_ms": {f"p{n}": round(percentiles[n - 1] * 1000) for n in (50, 95, 99)},
        "memory_mb": memory,
        "left_to_drain": waiting,
        "drain_seconds": round(drain_seconds, 1),
        "never_drained": never_drained,
    }
    print(json.dumps(result), file=print_to, flush=True)


if __name__ == "__main__":
    main()
