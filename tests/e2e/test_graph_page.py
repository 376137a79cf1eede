"""Neo4j Browser at the local API, used as a person does."""

import json

import neo4j
import pytest

from tests.browser import CHROMIUM
from tests.e2e.conftest import System
from tests.node import CLIENT, run


@pytest.mark.browser
def test_neo4j_browser_draws_a_node_and_its_policy_refuses_every_other_machine(
    system: System, cypher: neo4j.Session
) -> None:
    page, password = f"{system.environment['API_URL']}/browser/", system.environment["NEO4J_PASSWORD"]
    program = str(CLIENT / "test" / "graph-page.ts")
    shown = json.loads(run("node", program, page, CHROMIUM=str(CHROMIUM), NEO4J_PASSWORD=password))
    [begin] = (caption.strip(" …") for caption in shown["nodes"])  # of the user's id
    assert begin
    assert cypher.run("MATCH (u:User) WHERE u.id STARTS WITH $begin RETURN u LIMIT 1", begin=begin).single()
    assert shown["outside"], "it loads fonts and statistics"
    assert set(shown["outside"].values()) == {"csp"}
