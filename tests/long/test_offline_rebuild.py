"""Offline rebuilds: beside traffic and an erasure, and interrupted when the new graph has taken the old one's place."""

from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.graph.client import Graph, GraphUnavailableError
from chalicelib.graph.deletions import wipe_batch
from chalicelib.ledger import rebuilds
from chalicelib.ledger.ledger import Ledger
from chalicelib.projection import rebuild
from chalicelib.projection.catch_up import tend
from chalicelib.projection.projector import drain
from local.cloud import Cloud
from local.offline_rebuild import rebuild_offline
from tests.integration.conftest import (  # noqa: F401  fixtures
    Opened,
    cypher,
    graph,
    ledger,
    opened,
    operator,
    project_all,
    sql,
    stores,
)
from tests.integration.test_offline_rebuild import (  # noqa: F401  a fixture
    CHUNK_ROWS,
    NAMES,
    check_interrupted,
    erase,
    filled,
    seen,
    verified,
)
from tests.samples import ALICE, BOB, interaction


def test_interrupted_before_it_is_complete_the_new_graph_is_rebuilt_without_the_importer(
    cloud: Cloud,
    ledger: Ledger,  # noqa: F811  the fixture
    graph: Graph,  # noqa: F811
    opened: Opened,  # noqa: F811
    seen: Callable[[], Any],  # noqa: F811
) -> None:
    check_interrupted(cloud, ledger, graph, opened, seen, step="creating constraints and indexes")


def test_the_importer_makes_the_same_graph_with_traffic_and_an_erasure_meanwhile(
    cloud: Cloud,
    ledger: Ledger,  # noqa: F811
    operator: Ledger,  # noqa: F811
    graph: Graph,  # noqa: F811
    opened: Opened,  # noqa: F811
    seen: Callable[[], Any],  # noqa: F811
) -> None:
    filled(ledger, graph)
    late = [interaction("keep", user_id=user_id, artifact_id="late") for user_id in (ALICE, BOB, "dave")]
    parked = interaction("keep", user_id=BOB, artifact_id="parked")
    told: list[str] = []

    def meanwhile(doing: str, *_: int) -> None:
        told.append(doing)
        if told.count("exporting") == 9 and doing == "exporting":
            ledger.store([*late, parked])
            with pytest.raises(GraphUnavailableError, match="offline rebuild"):
                drain(ledger, graph)
            assert tend(ledger, graph, in_time=lambda: True) == 0
            with ledger.connection.transaction():
                ledger.connection.execute("UPDATE graph_outbox SET next_attempt_at = 'infinity', attempts = 3")
            erase(operator, graph, ALICE)
        if doing == "creating constraints and indexes":
            with opened() as (_ledger, imported):  # by one who was paused in an earlier wipe
                assert wipe_batch(imported, 100, before_each=lambda: None) == 0

    assert rebuild_offline(cloud, meanwhile, chunk_rows=CHUNK_ROWS) > 3 * len(NAMES) * 2
    assert told.count("exporting") > 9
    with opened() as (own, target):
        assert ledger.waiting().parked == 0
        project_all(own, target)
        assert tend(own, target, in_time=lambda: True) == 0
        verified(own, target)
        imported = seen()
        assert ALICE not in str(imported)
        assert "late" in str(imported)  # of Bob and of Dave
        id_ = rebuild.begin(own, cause="a test", from_scratch=True)
        while not rebuilds.progress(own.connection, id_)["finished_at"]:
            rebuild.step(own, target)
        assert seen() == imported
