"""Neo4j Browser at the local API, used as a person does."""

import json

import neo4j
import pytest

from tests.browser import CHROMIUM
from tests.e2e.conftest import System
from tests.node import CLIENT, run


@pytest.mark.browser
def test_neo4j_browser_draws_a_node_asks_no_other_machine_and_runs_nothing_of_its_address(
    system: System, cypher: neo4j.Session
) -> None:
    page, password = f"{system.environment['API_URL']}/browser/", system.environment["NEO4J_PASSWORD"]
    program, command = str(CLIENT / "test" / "graph-page.ts"), "MATCH (p:Planted) SET p.taken = true"
    cypher.run("CREATE (:Planted)").consume()
    shown = json.loads(run("node", program, page, CHROMIUM=str(CHROMIUM), NEO4J_PASSWORD=password, COMMAND=command))
    [planted] = cypher.run("MATCH (p:Planted) WITH p, p.taken AS taken DELETE p RETURN taken")
    assert planted["taken"] is None, "the page ran a command of its address"
    assert shown["leadsBack"]
    [begin] = (caption.strip(" …") for caption in shown["nodes"])  # of the user's id
    assert begin
    assert cypher.run("MATCH (u:User) WHERE u.id STARTS WITH $begin RETURN u LIMIT 1", begin=begin).single()
    assert shown["outside"], "it loads fonts and statistics"
    assert set(shown["outside"].values()) == {"csp"}
