"""The reader's questions stay cheap, whatever one user did, and whatever the graph held when Neo4j planned them."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import neo4j
import pytest

from bench.reading import db_hits, questions_about
from chalicelib.graph.client import Graph
from interaction_reader import cypher, questions
from tests.samples import ALICE, ARTIFACT

UNTIL = datetime(2026, 5, 1, tzinfo=UTC)
TEXTS = [name for name in vars(cypher) if name.isupper()]
REPEATS = 1000
HITS_PER_ELEMENT, HITS = 30, 200  # as docs/graph.md promises
# Users, events, artifacts, and edges of each type. With each of them Neo4j once chose a scan for some.
SHAPES = [(0, 0, 0, 0), (1, 1, 1, 1), (1, 1, 20, 20), (1, 1, 1, 1500), (1, 500, 1, 1), (5, 1000, 1000, 3)]
NODES = """
UNWIND range(1, $users) AS i CREATE (:User {id: $user_id + i});
MATCH (u:User) WITH collect(u) AS users UNWIND range(1, $events) AS i WITH users[i % size(users)] AS u, i
CREATE (u)-[:INITIATED]->(:Event:RecallEvent {user_id: u.id, id: 'e' + i, query: 'invoice', timestamp: datetime()});
UNWIND range(1, $artifacts) AS i CREATE (:Artifact {user_id: $user_id, id: 'a' + i})
"""
EDGES = """
MATCH (e:Event) WITH collect(e) AS events MATCH (a:Artifact) WITH events, collect(a) AS artifacts
UNWIND range(1, $edges) AS i WITH events[i % size(events)] AS e, artifacts[i % size(artifacts)] AS a, i
CREATE (e)-[:PEEL {id: 'p' + i}]->(a), (e)-[:KEEP {id: 'k' + i}]->(a), (e)-[:MARK_GOOD {id: 'g' + i}]->(a),
       (e)-[:UNKEEP {id: 'uk' + i}]->(a), (e)-[:UNMARK {id: 'um' + i}]->(a)
"""
# One event and one artifact: what was taken back long ago, and kept and marked again as often.
BACK_AND_FORTH = """
CREATE (:User {id: $user_id})-[:INITIATED]->(e:Event:RecallEvent {user_id: $user_id, id: 'e', query: $query,
        timestamp: $long_ago}), (a:Artifact {user_id: $user_id, id: $artifact_id})
WITH e, a UNWIND range(1, $repeats) AS i WITH e, a, i, duration({seconds: i}) AS later
CREATE (e)-[:UNKEEP {id: 'uk' + i, timestamp: $long_ago + later}]->(a),
       (e)-[:UNMARK {id: 'um' + i, timestamp: $long_ago + later}]->(a),
       (e)-[:KEEP {id: 'k' + i, timestamp: $since + later}]->(a),
       (e)-[:MARK_GOOD {id: 'g' + i, timestamp: $since + later}]->(a)
"""


@pytest.fixture
def empty(cypher: neo4j.Session, graph: Graph) -> Iterator[neo4j.Session]:
    """Yield a session on an empty graph with its indexes; no plan is left of what was asked before, or afterwards."""
    graph.prepare()
    cypher.run("CALL db.clearQueryCaches()").consume()
    yield cypher
    cypher.run("CALL db.clearQueryCaches()").consume()


def test_a_user_who_keeps_and_takes_back_all_day_makes_no_question_dear(empty: neo4j.Session) -> None:
    words = " ".join(f"word{i}" for i in range(1000))
    made = {"user_id": ALICE, "artifact_id": ARTIFACT, "repeats": REPEATS, "query": words[:1000]}
    times = {"long_ago": datetime(2001, 1, 1, tzinfo=UTC), "since": datetime(2026, 4, 1, tzinfo=UTC)}
    empty.run(BACK_AND_FORTH, made | times).consume()
    asked = questions_about(ALICE, [ARTIFACT], UNTIL)
    asked |= {
        "KEPT_NEAR": questions.kept_near(ALICE, words),
        "SIMILAR_RECALLS": questions.similar_recalls(ALICE, words),
    }
    elements = 4 * REPEATS + 3
    hits = {name: db_hits(empty, question) for name, question in asked.items()}
    assert {name: n for name, n in hits.items() if not 0 < n <= HITS_PER_ELEMENT * elements + HITS} == {}


@pytest.mark.parametrize("shape", SHAPES)
def test_no_question_is_planned_as_a_look_at_everybody(empty: neo4j.Session, shape: tuple[int, ...]) -> None:
    names = ("users", "events", "artifacts", "edges")
    for text in (*NODES.split(";"), EDGES):
        empty.run(text, dict(zip(names, shape, strict=True)), user_id=ALICE).consume()
    asked = questions_about(ALICE, [ARTIFACT], UNTIL)
    plans = {
        name: list(operators(empty.run(f"EXPLAIN {one.text}", one.parameters).consume().plan))
        for name, one in asked.items()
    }
    assert {name: plan for name, plan in plans.items() if any("Scan" in operator for operator in plan)} == {}
    assert [name for name in TEXTS if not any("NodeUniqueIndexSeek" in operator for operator in plans[name])] == []


def operators(plan: Any) -> Iterator[str]:
    """Yield the names of the plan's operators."""
    yield plan["operatorType"]
    for child in plan.get("children", []):
        yield from operators(child)
