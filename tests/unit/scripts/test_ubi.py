"""export-ledger --ubi: User Behavior Insights as its published schemas want it."""

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator

from local.made_up import people
from scripts import export_ledger
from tests.unit.scripts.fake_sqs import FakeTarget

UNTIL = datetime(2026, 5, 1, tzinfo=UTC)
PAGE = 100

ID = {"type": "string", "maxLength": 100}
QUERY_ID = {"oneOf": [{"type": "string", "format": "uuid"}, ID]}
COMMON = {
    "application": ID,
    "query_id": QUERY_ID,
    "client_id": ID,
    "timestamp": {"type": "string", "format": "date-time"},
}
OBJECT_ID = {"anyOf": [{"type": "string", "maxLength": 256}, {"type": "integer"}]}
ORDINAL = {"type": "object", "properties": {"ordinal": {"type": "integer"}}, "required": ["ordinal"]}
XY = {"type": "object", "properties": {"xy": {"type": "object", "required": ["x", "y"]}}, "required": ["xy"]}
UBI_ACTIONS = ["click_through", "add_to_cart", "click", "watch", "view", "purchase", "impression"]
# What UBI 1.3.0's query.request.schema.json and event.schema.json demand, without descriptions and unused fields.
QUERIES = {
    "type": "object",
    "required": ["user_query"],
    "properties": COMMON
    | {
        "user_query": {"type": "string"},
        "query_attributes": {"type": "object"},
        "query_response_hit_ids": {"type": "array", "items": {"type": "string"}},
    },
}
EVENTS = {
    "type": "object",
    "required": ["action_name", "timestamp"],
    "properties": COMMON
    | {
        "action_name": {"oneOf": [{"type": "string", "maxLength": 100, "enum": UBI_ACTIONS}, ID]},
        "user_id": ID,
        "message": {"type": "string", "maxLength": 1024},
        "event_attributes": {
            "type": "object",
            "required": ["position"],
            "properties": {
                "object": {"type": "object", "required": ["object_id"], "properties": {"object_id": OBJECT_ID}},
                "position": {"type": "object", "oneOf": [ORDINAL, XY]},
            },
        },
    },
}


def row(user: str, payload: Mapping[str, Any]) -> dict[str, Any]:
    when = datetime.fromtimestamp(payload["timestamp"] / 1000, UTC).isoformat()
    return {"user_id": user, **payload, "timestamp": when, "metadata": json.dumps(payload["metadata"])}


class Dev(FakeTarget):
    """A target with what made-up people did, in pages."""

    def operate(self, operation: str, **arguments: Any) -> Any:
        assert operation == "export_day"
        of_day = [one for one in self.results["rows"] if one["timestamp"].startswith(arguments["day"])]
        first = arguments["cursor"] or 0
        page = of_day[first : first + PAGE]
        return {"interactions": page, "cursor": first + PAGE if first + PAGE < len(of_day) else None}


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    found = [
        row(one.email, payload)
        for one in people(until=UNTIL, count=8, days=3, interactions=600)
        for payload in one.payloads
    ]
    found.sort(key=lambda one: str(one["timestamp"]))
    bare = {"kind": "keep", "event_id": "e", "artifact_id": "unlisted", "timestamp": 1777593599000, "metadata": None}
    found.append(row("x" * 200, bare) | {"metadata": None})
    target = Dev("dev", "us-east-1", None)
    target.results["rows"] = found
    monkeypatch.setattr(export_ledger, "find_target", lambda _: target)
    return found


def test_ubi_has_the_published_form(rows: list[dict[str, Any]], tmp_path: Path) -> None:
    days = ["--since", "2026-04-28", "--until", "2026-04-30", "-o", str(tmp_path), "--ubi"]
    result = CliRunner().invoke(export_ledger.export_ledger, ["-e", "dev", *days])
    assert result.exit_code == 0, result.output
    found: dict[str, list[dict[str, Any]]] = {}
    for name, schema in (("queries", QUERIES), ("events", EVENTS)):
        validator = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
        found[name] = [json.loads(line) for line in (tmp_path / f"ubi_{name}.ndjson").read_text().splitlines()]
        assert [error for one in found[name] for error in validator.iter_errors(one)] == []
    kinds = [one["kind"] for one in rows]
    assert len(found["queries"]) == kinds.count("recall") > 0
    assert len(found["events"]) == sum(kind not in ("recall", "workspace") for kind in kinds) > 0
    [*events, bare] = found["events"]
    assert {one["query_id"] for one in events} <= {one["query_id"] for one in found["queries"]}
    assert (bare["message"], "user_id" in bare) == ("unlisted", False)
    expected = [one["metadata"] for one in rows[:-1] if one["kind"] not in ("recall", "workspace")]
    positions = [one["event_attributes"]["position"]["ordinal"] for one in events]
    assert positions == [json.loads(metadata)["position"] for metadata in expected]
    assert date.fromisoformat(found["queries"][0]["timestamp"][:10]) >= date(2026, 4, 28)


def test_without_a_position_the_place_in_the_results_counts(rows: list[dict[str, Any]], tmp_path: Path) -> None:
    for one in rows:
        if one["kind"] == "peel":
            one["metadata"] = None
    days = ["--since", "2026-04-28", "--until", "2026-04-30", "-o", str(tmp_path), "--ubi"]
    assert CliRunner().invoke(export_ledger.export_ledger, ["-e", "dev", *days]).exit_code == 0
    events = [json.loads(line) for line in (tmp_path / "ubi_events.ndjson").read_text().splitlines()]
    assert all(one["event_attributes"]["position"]["ordinal"] >= 1 for one in events if one["action_name"] == "peel")


def test_the_check_against_the_published_form_finds_what_is_wrong() -> None:
    validator = Draft202012Validator(EVENTS, format_checker=Draft202012Validator.FORMAT_CHECKER)
    right = {"action_name": "peel", "timestamp": "2026-05-01T00:00:00Z"}
    assert validator.is_valid(right)
    uuid = "00112233-4455-6677-8899-aabbccddeeff"
    wrongs: list[dict[str, Any]] = [
        {"action_name": "click"},
        {"query_id": uuid},
        {"event_attributes": {}},
        {"timestamp": 1},
    ]
    for wrong in wrongs:
        assert not validator.is_valid(right | wrong)
