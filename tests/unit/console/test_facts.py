"""The headline of the health page: what is wrong first, in one sentence."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from console.facts import find_facts, headline
from console.pages.health import FIRST_HERE, manual_section
from console.source import UnavailableError
from scripts.reports.alarms import Alarm
from scripts.reports.queue_state import QueueState


def answers(**changed: Any) -> dict[str, Any]:
    """Return the answers of a system in which all is well but what is changed."""
    now = datetime.now(UTC).isoformat()
    ledger = {"seconds": 0.002, "outbox": {"rows": 0, "parked": 0, "age_seconds": 0}, "watermark": now}
    stores = {"ledger": ledger, "graph": {"seconds": 0.003, "watermark": now}}
    empty = QueueState(0, 0, 0)
    return {"stores": stores, "queue": empty, "oldest": None, "dead": empty, "alarms": []} | changed


def sentence(**changed: Any) -> tuple[str, str]:
    given = answers(**changed)
    return headline(list(find_facts(given)), given["alarms"])[:2]


def stores(ledger: dict[str, Any] | None = None, graph: dict[str, Any] | None = None) -> dict[str, Any]:
    well = answers()["stores"]
    return {"ledger": well["ledger"] | (ledger or {}), "graph": well["graph"] | (graph or {})}


def test_all_is_well() -> None:
    assert sentence() == ("good", "All is well.")
    assert {fact.state for fact in find_facts(answers())} == {"good"}


@pytest.mark.parametrize(
    ("changed", "state", "says"),
    [
        ({"dead": QueueState(1200, 34, 0)}, "bad", "1\u202f234 messages could not be stored."),
        ({"dead": QueueState(1, 0, 0)}, "bad", "1 message could not be stored."),
        ({"stores": stores({"error": "OperationalError"})}, "bad", "Postgres does not answer, so"),
        ({"stores": stores(graph={"error": "ServiceUnavailable"})}, "bad", "Neo4j does not answer, so"),
        ({"stores": UnavailableError("credentials have expired")}, "unknown", "credentials have expired"),
        ({"queue": QueueState(5, 0, 0), "oldest": 301.0}, "bad", "Interactions wait to be stored for 5 min 1 s"),
        ({"stores": stores({"outbox": {"rows": 9, "parked": 2, "age_seconds": 1}})}, "bad", "refuses 2"),
        ({"stores": stores({"outbox": {"rows": 9, "parked": 0, "age_seconds": 700}})}, "bad", "11 min 40 s"),
        ({"stores": stores({"watermark": str(datetime.now(UTC) - timedelta(hours=1))})}, "bad", "Catch-up"),
        ({"alarms": [Alarm("The worker fails", "ALARM", datetime.now(UTC), "")]}, "bad", "“The worker fails” rings"),
        ({"dead": QueueState(1, 0, 0), "stores": stores(graph={"error": "x"})}, "bad", "stored, and 1 more."),
    ],
)  # fmt: skip
def test_what_is_wrong_comes_first(changed: dict[str, Any], state: str, says: str) -> None:
    found = sentence(**changed)
    assert found[0] == state
    assert says in found[1]


def test_the_headline_leads_to_what_helps() -> None:
    given = answers(dead=QueueState(1, 0, 0))
    dead = headline(list(find_facts(given)), [])
    assert (dead.page, dead.section) == ("/dead-letters", "Interactions are dead-lettered")
    rings = headline([], [Alarm("The worker fails", "ALARM", datetime.now(UTC), "")])
    assert (rings.page, rings.section) == ("", "The worker fails")


def test_the_manual_names_the_environment() -> None:
    section = manual_section("Interactions are dead-lettered", environment="staging")
    assert section
    assert "redrive-dlq -e staging" in section
    assert "ENV" not in section
    assert all(manual_section(heading) for heading in FIRST_HERE)


def test_the_queue_says_why_it_waits() -> None:
    def detail(**changed: Any) -> str:
        return next(fact.detail for fact in find_facts(answers(**changed)) if fact.name == "Queue")

    assert detail(queue=QueueState(3, 2, 0)) == "the worker has 2 of them now"
    assert detail(queue=QueueState(3, 0, 0)) == "the worker has not taken them yet"
    away = stores({"error": "OperationalError"})
    assert detail(queue=QueueState(3, 0, 0), stores=away) == "because Postgres does not answer"


def test_the_manual_s_section_is_shown_in_place() -> None:
    section = manual_section("The worker fails")
    assert section
    assert section.startswith("<p>")
    assert "<h3>" not in section
    assert manual_section("No such heading") is None
    assert manual_section("") is None
    # Each section that a fact points to exists.
    wrong: list[dict[str, Any]] = [
        {"dead": QueueState(1, 0, 0), "queue": QueueState(5, 0, 0), "oldest": 301.0},
        {"stores": stores({"outbox": {"rows": 9, "parked": 2, "age_seconds": 1}, "watermark": "2026-01-01T00:00Z"})},
        {"stores": stores({"outbox": {"rows": 9, "parked": 0, "age_seconds": 999}}, {"error": "x"})},
    ]
    sections = {fact.section for one in wrong for fact in find_facts(answers(**one))} - {""}
    assert len(sections) == 6
    assert [name for name in sections if manual_section(name) is None] == []
