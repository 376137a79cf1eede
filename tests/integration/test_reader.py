"""The reader's ten questions on the graph of the made-up people: right, cheap, and unable to write."""

import asyncio
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from neo4j.exceptions import Neo4jError

from bench.reading import db_hits, questions_about
from chalicelib.api.payload import read_interaction
from chalicelib.graph import client as graph_module
from chalicelib.graph.client import Graph
from chalicelib.ledger import connection as postgres
from chalicelib.ledger.ledger import Ledger
from chalicelib.projection.projector import drain
from interaction_reader import AsyncReader, Reader, cypher, questions
from interaction_reader.questions import Question
from tests.made_up_truth import UNTIL, Event, Truth

PAGE = (Path(__file__).parents[2] / "docs" / "graph.md").read_text()
BATCH = 1000
HITS_PER_ELEMENT, HITS = 30, 200  # at most, for each of the user's own nodes and edges, and besides
TEXTS = {name: text for name, text in vars(cypher).items() if name.isupper()}


@dataclass(frozen=True)
class Made:
    """The made-up people's graph, and what one question reads of it."""

    truth: Truth
    user: str
    login: dict[str, str]
    alone: dict[str, int]
    """Hits of each question while the graph had the user alone."""


def asked(user: str, truth: Truth) -> dict[str, Question[Any]]:
    """Return each question about this user, by the name of its text."""
    artifacts = sorted({one["artifact_id"] for who, one in truth.payloads if who == user and one["artifact_id"]})
    return questions_about(user, artifacts, UNTIL)


@pytest.fixture(scope="module")
def made(stores: dict[str, Any]) -> Iterator[Made]:
    truth = Truth()
    [(user, _)] = Counter(who for who, _ in truth.payloads).most_common(21)[20:]
    ledger = Ledger(lambda: postgres.conninfo(stores["postgres"]))
    graph = Graph(lambda: graph_module.connect(**stores["neo4j"]))

    def project(payloads: list[tuple[str, dict[str, Any]]]) -> None:
        rows = [read_interaction(payload, user_id=who, now=UNTIL) for who, payload in payloads]
        for first in range(0, len(rows), BATCH):
            ledger.store(rows[first : first + BATCH])
        while drain(ledger, graph):
            pass

    with (
        psycopg.connect(postgres.conninfo(stores["postgres-owner"]), autocommit=True) as owner,
        graph_module.connect(**stores["neo4j"]) as driver,
        driver.session() as session,
    ):
        owner.execute("TRUNCATE interaction, graph_outbox, excluded_user")
        session.run("MATCH (n) CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 10 ROWS").consume()
        graph.prepare()
        project([one for one in truth.payloads if one[0] == user])
        alone = {name: db_hits(session, question) for name, question in asked(user, truth).items()}
        project([one for one in truth.payloads if one[0] != user])
        yield Made(truth, user, stores["neo4j"], alone)
        owner.execute("TRUNCATE interaction, graph_outbox")
    ledger.close()
    graph.close()


@pytest.fixture(scope="module")
def reader(made: Made) -> Iterator[Reader]:
    with Reader(**made.login, timeout=30) as reader:
        yield reader


@pytest.fixture(scope="module")
def events(made: Made) -> list[Event]:
    """Return the user's events, the latest first."""
    own = [event for event in made.truth.events.values() if event.user == made.user]
    return sorted(own, key=lambda event: -event.opening["timestamp"])


def when(payload: dict[str, Any]) -> datetime:
    return datetime.fromtimestamp(payload["timestamp"] / 1000, UTC)


@pytest.mark.parametrize("name", TEXTS)
def test_what_a_question_reads_does_not_grow_with_other_users(made: Made, name: str) -> None:
    with graph_module.connect(**made.login) as driver, driver.session() as session:
        hits = db_hits(session, asked(made.user, made.truth)[name])
        [(own,)] = session.run(
            "MATCH (:User {id: $user})-[:INITIATED]->(e) RETURN 2 * count(e) + sum(COUNT { (e)-->() })", user=made.user
        ).values()
    assert 0 < hits <= made.alone[name] * 1.02 + 20
    assert hits <= HITS_PER_ELEMENT * own + HITS


def test_an_everyday_query_without_the_user_node_is_cheap_too(made: Made) -> None:
    everyday = {
        "events": "MATCH (e:Event {user_id: $user_id}) RETURN count(e)",
        "artifacts": "MATCH (a:Artifact {user_id: $user_id}) RETURN count(a)",
    }
    with graph_module.connect(**made.login) as driver, driver.session() as session:
        for text in everyday.values():
            found = session.run(text, user_id=made.user).single(strict=True)[0]
            hits = db_hits(session, Question(text, {"user_id": made.user}, list))
            assert 0 < hits <= 3 * found + 10


def test_the_page_shows_each_question_as_it_is_asked() -> None:
    shown = PAGE.split("```cypher\n")[1:]
    assert {text.partition("```")[0].strip() for text in shown} == {text.strip() for text in TEXTS.values()}


def test_history_of_these_ids(reader: Reader, made: Made, events: list[Event]) -> None:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for event in events:
        for kind, touches in event.touches.items():
            counts[kind].update(one["artifact_id"] for one in touches)
    ids = [*list(counts["peel"])[:20], "never-touched"]
    found = reader.ask(questions.history(made.user, ids))
    assert {id_: (one.peels, one.keeps, one.good, one.bad) for id_, one in found.items()} == {
        id_: tuple(counts[kind][id_] for kind in ("peel", "keep", "mark_good", "mark_bad")) for id_ in ids[:-1]
    }


def test_kept_near_a_query(reader: Reader, made: Made, events: list[Event]) -> None:
    expected: dict[str, datetime] = {}
    for event in events:
        if event.is_recall and "invoice" in event.opening["metadata"]["query"]:
            for one in event.touches["keep"]:
                expected[one["artifact_id"]] = max(when(one), expected.get(one["artifact_id"], when(one)))
    back = {one["artifact_id"]: when(one) for event in events[::-1] for one in event.touches["unkeep"]}
    kept = {id_: at for id_, at in expected.items() if id_ not in back or back[id_] < at}
    found = reader.ask(questions.kept_near(made.user, " INVOICE ", limit=1000))
    assert {one.artifact_id: one.kept_at for one in found} == kept
    assert all("invoice" in one.query for one in found)


def test_the_latest_opinion_of_each_artifact(reader: Reader, made: Made, events: list[Event]) -> None:
    marks = [one for event in events for kind in ("mark_good", "mark_bad", "unmark") for one in event.touches[kind]]
    latest = {one["artifact_id"]: one["kind"].removeprefix("mark_") for one in sorted(marks, key=when)}
    found = {one.artifact_id: one.mark for one in reader.ask(questions.opinions(made.user))}
    assert found == {id_: mark for id_, mark in latest.items() if mark != "unmark"}


def test_peeled_together(reader: Reader, made: Made, events: list[Event]) -> None:
    [(artifact, _)] = Counter(id_ for event in events for id_ in event.artifacts("peel")).most_common(1)
    together = Counter(
        id_ for event in events if artifact in event.artifacts("peel") for id_ in event.artifacts("peel") - {artifact}
    )
    found = reader.ask(questions.peeled_together(made.user, artifact, limit=1000))
    assert {one.artifact_id: one.events for one in found} == together


def test_scores_halve_in_the_half_life(reader: Reader, made: Made, events: list[Event]) -> None:
    weights, now = {"peel": 1, "keep": 3, "mark_good": 5, "mark_bad": -5}, datetime.now(UTC)
    expected: dict[str, float] = defaultdict(float)
    back: dict[tuple[str, str], datetime] = {}
    for event in events[::-1]:
        for one in [*event.touches["unkeep"], *event.touches["unmark"]]:
            back[one["kind"], one["artifact_id"]] = when(one)
    for event in events:
        for kind, weight in weights.items():
            for one in event.touches[kind]:
                taken = back.get(("unkeep" if kind == "keep" else "unmark", one["artifact_id"]))
                if kind != "peel" and taken and taken >= when(one):
                    continue
                expected[one["artifact_id"]] += weight * 0.5 ** ((now - when(one)) / timedelta(days=30))
    found = reader.ask(questions.scores(made.user, limit=1000))
    assert {one.artifact_id: one.score for one in found} == pytest.approx(expected, rel=0.01)
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)


def test_results_that_the_user_ignored(reader: Reader, made: Made, events: list[Event]) -> None:
    latest = [event for event in events if event.is_recall][:50]
    touched = {one["artifact_id"] for event in latest for touches in event.touches.values() for one in touches}
    shown = Counter(id_ for event in latest for id_ in event.opening["metadata"]["results"])
    found = reader.ask(questions.ignored(made.user, limit=1000))
    assert {one.artifact_id: one.recalls for one in found} == {
        id_: times for id_, times in shown.items() if id_ not in touched
    }


def test_recent_events(reader: Reader, made: Made, events: list[Event]) -> None:
    found = reader.ask(questions.recent_events(made.user, limit=5))
    assert [(one.event_id, one.opened_at, one.peeled, one.kept) for one in found] == [
        (
            event.opening["event_id"],
            when(event.opening),
            len(event.artifacts("peel")),
            len(event.artifacts("keep")),
        )
        for event in events[:5]
    ]


def test_similar_earlier_recalls(reader: Reader, made: Made, events: list[Event]) -> None:
    expected = {
        event.opening["event_id"]: words
        for event in events
        if event.is_recall
        and (words := len({"invoice", "draft"}.intersection(event.opening["metadata"]["query"].split())))
    }
    found = reader.ask(questions.similar_recalls(made.user, "Invoice draft", limit=1000))
    assert {one.event_id: one.words for one in found} == expected
    kept = {id_ for event in events for kind in ("keep", "mark_good") for id_ in event.artifacts(kind)}
    assert {id_ for one in found for id_ in one.artifact_ids} <= kept


def test_a_session(reader: Reader, made: Made, events: list[Event]) -> None:
    until, since = when(events[0].opening) + timedelta(hours=1), when(events[0].opening) - timedelta(hours=12)
    expected = sorted(
        (when(one), kind.upper(), one["artifact_id"], one["metadata"]["position"])
        for event in events
        for kind, touches in event.touches.items()
        for one in touches
        if since <= when(one) < until
    )
    found = reader.ask(questions.session(made.user, since, until))
    assert sorted((one.at, one.kind, one.artifact_id, one.position) for one in found) == expected


def test_totals(reader: Reader, made: Made, events: list[Event]) -> None:
    totals = reader.ask(questions.totals(made.user))
    assert totals
    assert totals.recalls == sum(event.is_recall for event in events)
    assert totals.peels == sum(len(event.touches["peel"]) for event in events)
    assert totals.artifacts == len({id_ for event in events for kind in event.touches for id_ in event.artifacts(kind)})
    assert reader.ask(questions.totals("nobody")) is None


def test_the_asynchronous_reader_answers_the_same(reader: Reader, made: Made) -> None:
    async def ask() -> list[Any]:
        async with AsyncReader(**made.login, timeout=30) as asynchronous:
            return list(await asyncio.gather(*map(asynchronous.ask, (one for one in same))))

    same = [question for name, question in asked(made.user, made.truth).items() if name != "SCORES"]
    assert asyncio.run(ask()) == [reader.ask(question) for question in same]


def test_a_reader_is_refused_every_write(reader: Reader, made: Made) -> None:
    writes = "MATCH (u:User {id: $user_id}) SET u.name = 'x'", "CREATE (:Note)", "MATCH (n:User) DETACH DELETE n"
    for text in writes:
        with pytest.raises(Neo4jError, match=r"(?i)read access mode"):
            reader.ask(Question(text, {"user_id": made.user}, list))


def test_a_question_that_takes_too_long_ends(made: Made) -> None:
    endless = Question("UNWIND range(1, 1000000000) AS n RETURN max(n)", {}, list)
    with Reader(**made.login, timeout=0.5) as reader, pytest.raises(Neo4jError):
        reader.ask(endless)


def test_the_example_on_the_page_runs(
    reader: Reader, made: Made, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names = {"NEO4J_URI": "uri", "NEO4J_USER": "username", "NEO4J_PASSWORD": "password"}
    for variable, value in {**{name: made.login[key] for name, key in names.items()}, "USER_ID": made.user}.items():
        monkeypatch.setenv(variable, value)
    [example] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(example, {})  # noqa: S102  ours
    expected = reader.ask(questions.kept_near(made.user, "invoice 2025"))
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == [one.artifact_id for one in expected]
    assert expected
