"""What `make up` ends with says where an interaction got stuck, and which command does not work."""

import neo4j
import psycopg
import pytest
from rich.console import Console

from local.component import CloudError
from local.demo import demonstrate
from local.up import check_commands
from tests.e2e.conftest import System
from tests.waiting import within


def test_with_the_worker_off_the_demo_says_that_the_interactions_stopped_before_postgres(system: System) -> None:
    functions, mapping = system.target.client("lambda"), system.target.outputs["WorkerMapping"]

    def switch(*, on: bool) -> None:
        functions.update_event_source_mapping(UUID=mapping, Enabled=on)

        def look() -> None:
            assert functions.get_event_source_mapping(UUID=mapping)["State"] == ("Enabled" if on else "Disabled")

        within(10, look)

    switch(on=False)
    try:
        with pytest.raises(CloudError, match="stopped between the queue and Postgres: 0 of 2 rows"):
            demonstrate(system.target, system.environment, Console(), seconds=5)
    finally:
        switch(on=True)


def test_with_a_graph_of_newer_code_the_demo_names_the_way_back(system: System, cypher: neo4j.Session) -> None:
    """As after `git checkout` of an older release, which must not write into a graph of another shape."""
    change = "MATCH (w:Watermark) WITH w, w.version AS before SET w.version = $version RETURN before"
    version = cypher.run(change, version=1000).single(strict=True)["before"]
    try:
        with pytest.raises(CloudError, match=r"newer code made it.* --from-scratch --yes`"):
            demonstrate(system.target, system.environment, Console())
    finally:
        cypher.run(change, version=version).consume()


@pytest.mark.long
def test_a_command_that_does_not_work_is_named_with_its_own_word(system: System, sql: psycopg.Connection) -> None:
    sql.execute("ALTER ROLE operator PASSWORD NULL")
    try:
        with pytest.raises(CloudError) as error:
            check_commands(system.environment, print)
    finally:
        system.cloud.up(["postgres"])  # sets it again
    assert "`verify-graph` does not work: Error: verify: " in str(error.value)
    assert "`tunnel` does not work" not in str(error.value)
    check_commands(system.environment, print)
