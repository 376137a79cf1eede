"""GET /event through the gateway and its own function of the deployed system."""

import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from scripts.create_user import ensure_user
from scripts.get_bearer_token import sign_in
from tests.e2e.conftest import System
from tests.samples import ARTIFACT
from tests.waiting import within

Ask = Callable[..., requests.Response]
OTHER, PASSWORD = "dora@example.com", "Recall-and-keep-1"


@pytest.fixture
def ask(system: System, token: str) -> Ask:
    """Return a function that asks for an event as the user who posts, or with another token."""

    def ask(event_id: str, bearer: str = token) -> requests.Response:
        url = f"{system.environment['API_URL']}/event/{event_id}"
        return requests.get(url, headers={"Authorization": f"Bearer {bearer}"}, timeout=30)

    return ask


@pytest.fixture
def event_id(post: Callable[[dict[str, Any]], requests.Response]) -> str:
    """Return an event with a recall and a peel."""
    now = time.time()
    event_id = str(post({"kind": "recall", "timestamp": now}).json()["event_id"])
    post({"kind": "peel", "event_id": event_id, "artifact_id": ARTIFACT, "timestamp": now + 1})
    return event_id


def test_what_was_posted_arrives_in_the_ledger_and_in_the_graph(ask: Ask, event_id: str) -> None:
    def arrived() -> requests.Response:
        answer = ask(event_id)
        assert answer.status_code == 200, answer.text
        assert [one["state"] for one in answer.json()["interactions"]] == ["in_graph"] * 2
        return answer

    answer = within(100, arrived)
    found = answer.json()
    assert [(one["kind"], one["artifact_id"]) for one in found["interactions"]] == [
        ("recall", None),
        ("peel", ARTIFACT),
    ]
    for one in found["interactions"]:
        received, stored = (datetime.fromisoformat(one[name]) for name in ("received_at", "stored_at"))
        assert received <= stored <= datetime.fromisoformat(found["time"])
    assert found["graph"] == {"state": "there", "labels": ["Event", "RecallEvent"], "edges": {"PEEL": 1}}
    assert abs(datetime.fromisoformat(found["time"]) - datetime.now(UTC)) < timedelta(minutes=1)
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Date" in answer.headers["Access-Control-Expose-Headers"].split(", ")


def test_an_event_of_another_user_looks_like_one_that_nobody_has(system: System, ask: Ask, event_id: str) -> None:
    ensure_user(system.target, OTHER, PASSWORD, change=True)
    bearer = sign_in(system.target, OTHER, PASSWORD)
    within(30, lambda: ask(event_id).raise_for_status())
    not_own, unknown, no_id = (ask(id_, bearer) for id_ in (event_id, str(uuid.uuid4()), "any"))
    assert [one.status_code for one in (not_own, unknown, no_id)] == [404] * 3
    assert not_own.content == unknown.content == no_id.content
    names = [set(one.headers) for one in (not_own, unknown, no_id)]
    assert names[0] == names[1] == names[2]


def test_without_a_valid_token_the_answer_is_401_in_shape(ask: Ask, event_id: str) -> None:
    answer = ask(event_id, "nonsense")
    assert (answer.status_code, answer.json()["status"]) == (401, "error")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_a_page_may_ask(system: System) -> None:
    headers = {"Origin": "https://app.example", "Access-Control-Request-Method": "GET"}
    answer = requests.options(f"{system.environment['API_URL']}/event/{uuid.uuid4()}", headers=headers, timeout=30)
    assert answer.status_code == 200
    assert "GET" in answer.headers["Access-Control-Allow-Methods"]
    assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]
