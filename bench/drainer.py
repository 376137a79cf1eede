"""A process that projects when told to, as a worker or a blind creator: `python -m bench.drainer`.

It reads commands from standard input, a JSON object a line, and answers each with one line that begins with `ANSWER`.
The code under test is the `chalicelib` of its PYTHONPATH, so an older release can be measured beside this one.
"""

import json
import sys
import time
from collections.abc import Mapping
from typing import Any

from bench import ceilings
from chalicelib.graph import client
from chalicelib.ledger import connection
from chalicelib.ledger.ledger import Ledger
from chalicelib.projection import rebuild
from chalicelib.projection.projector import drain

ANSWER = "answer "


def drain_all(ledger: Ledger, graph: client.Graph, claim_rows: int) -> dict[str, float]:
    """Drain until nothing is left for this process."""
    ledger.claim_rows = claim_rows
    rows, began, cpu = 0, time.perf_counter(), time.process_time()
    while taken := drain(ledger, graph):
        rows += taken
    return {"rows": rows, "seconds": time.perf_counter() - began, "cpu_seconds": time.process_time() - cpu}


def create_blind(secret: Mapping[str, Any], claims: list[list[dict[str, Any]]]) -> dict[str, float]:
    """Write ready parameters."""
    with client.connect(**secret) as driver, driver.session() as session:
        session.run("RETURN 1").consume()
        began, cpu = time.perf_counter(), time.process_time()
        ceilings.create_blind(session, claims)
        return {"seconds": time.perf_counter() - began, "cpu_seconds": time.process_time() - cpu}


def rebuild_all(ledger: Ledger, graph: client.Graph, claim_rows: int) -> dict[str, float]:
    """Take part in the rebuild under way until there is nothing left for this process."""
    ledger.claim_rows = claim_rows
    began = time.perf_counter()
    while rebuild.step(ledger, graph):
        pass
    return {"seconds": time.perf_counter() - began}


def main() -> None:
    """Answer commands until standard input ends."""
    secrets = json.loads(sys.stdin.readline())
    ledger = Ledger(lambda: connection.conninfo(secrets["postgres"]))
    graph = client.Graph(lambda: client.connect(**secrets["neo4j"]))
    ledger.connection.execute("SELECT 1")
    for line in sys.stdin:
        command = json.loads(line)
        match command.pop("do"):
            case "drain":
                answer = drain_all(ledger, graph, **command)
            case "blind":
                answer = create_blind(secrets["neo4j"], **command)
            case "rebuild":
                answer = rebuild_all(ledger, graph, **command)
            case other:
                raise ValueError(other)
        sys.stdout.write(ANSWER + json.dumps(answer) + "\n")
        sys.stdout.flush()
    ledger.close()
    graph.close()


if __name__ == "__main__":
    main()
