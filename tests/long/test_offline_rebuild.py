"""An offline rebuild that is interrupted when its graph has taken the old one's place; it restarts Neo4j."""

from collections.abc import Callable
from typing import Any

from chalicelib.graph.client import Graph
from chalicelib.ledger.ledger import Ledger
from local.cloud import Cloud
from tests.integration.conftest import Opened, cypher, graph, ledger, opened, sql, stores  # noqa: F401  fixtures
from tests.integration.test_offline_rebuild import check_interrupted, seen  # noqa: F401  a fixture


def test_interrupted_before_it_is_complete_the_new_graph_is_rebuilt_without_the_importer(
    cloud: Cloud,
    ledger: Ledger,  # noqa: F811  the fixture
    graph: Graph,  # noqa: F811
    opened: Opened,  # noqa: F811
    seen: Callable[[], Any],  # noqa: F811
) -> None:
    check_interrupted(cloud, ledger, graph, opened, seen, step="creating constraints and indexes")
