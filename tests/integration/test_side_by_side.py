"""Two drains, an erasure and a rebuild at the same time, on users that all of them touch: histories made at random."""

import os
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import neo4j
import pytest

from chalicelib.graph.client import Graph, GraphUnavailableError
from chalicelib.interaction import Interaction, Kind
from chalicelib.ledger import rebuilds
from chalicelib.ledger.ledger import Ledger
from chalicelib.operations.handlers import Handlers, Limits
from chalicelib.projection import rebuild, watermark
from chalicelib.projection.projector import catch_up
from chalicelib.verification.run import Verification
from tests.integration.conftest import Opened, project_all
from tests.samples import EVENT, interaction

HISTORIES = int(os.environ.get("HISTORIES", "10"))  # `make test-long` makes 200
USERS = [f"user-{number}" for number in range(5)]


def history(seed: int) -> list[list[Interaction]]:
    """Return batches of interactions of five users that share event ids, artifacts and moments."""
    dice = random.Random(seed)  # noqa: S311  no secret
    now = datetime.now(UTC)
    return [
        [
            interaction(
                dice.choice(list(Kind)),
                user_id=dice.choice(USERS),
                event_id=EVENT.replace("d3", f"d{dice.randrange(3)}"),
                artifact_id=f"artifact-{dice.randrange(4)}",
                timestamp=now.timestamp() - dice.randrange(5),
                metadata={"seed": seed, "batch": batch, "number": number},
                now=now,
            )
            for number in range(dice.randrange(1, 12))
        ]
        for batch in range(dice.randrange(2, 6))
    ]


def again_while_busy(work: Callable[[], Any]) -> Any:
    """Do it again while the graph cannot take it: an erasure is deleting what it writes. A deadlock is an error."""
    for _ in range(50):
        try:
            return work()
        except GraphUnavailableError as error:
            if "Deadlock" in str(error):
                raise
    pytest.fail("the graph stayed busy")


@pytest.mark.parametrize("seed", range(HISTORIES))
def test_the_graph_is_the_projection_of_the_ledger_whatever_ran_side_by_side(
    opened: Opened,
    operator: Ledger,
    graph: Graph,
    cypher: neo4j.Session,
    seed: int,
) -> None:
    watermark.start(operator, graph)
    batches = history(seed)

    def drains(part: int) -> None:
        with opened(claim_rows=7) as (ledger, target):
            for batch in batches[part::2]:
                ledger.store(batch)
                again_while_busy(lambda: catch_up(ledger, target, in_time=lambda: True))

    def erase() -> None:
        with opened() as (_, target):
            handlers, cursor = Handlers(operator, target, Limits(settle_seconds=0.1)), None
            while True:
                cursor = handlers.erase(user_id=USERS[seed % 5], cursor=cursor)["cursor"]
                if not cursor:
                    return

    def rebuilt() -> None:
        with opened(claim_rows=5) as (ledger, target):
            id_ = rebuild.begin(ledger, cause="a test", from_scratch=bool(seed % 2))
            while not rebuilds.progress(ledger.connection, id_)["finished_at"]:
                again_while_busy(lambda: rebuild.step(ledger, target, wipe_size=20))

    with ThreadPoolExecutor() as pool:
        draining = [pool.submit(drains, part) for part in range(2)]
        for other in (pool.submit(erase), pool.submit(rebuilt), *draining):
            other.result(120)
    with opened() as (ledger, target):
        project_all(ledger, target)
    report = Verification(operator, graph, repair=False).run(None, lambda: True)
    assert (report["missing"], report["extra"], report["different"], report["undecided"]) == (0, 0, 0, [])
    assert report["ledger"] == report["graph"]
    assert (
        cypher.run("MATCH ()-[r]->() WITH r.id AS id, count(*) AS n WHERE n > 1 AND id IS NOT NULL RETURN id").single()
        is None
    )
