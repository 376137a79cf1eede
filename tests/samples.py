"""Interactions for tests."""

import json
from datetime import UTC, datetime
from typing import Any

from chalicelib.api.payload import parse
from chalicelib.interaction import Interaction

ALICE, BOB = "0b5e7f64-alice", "7c2f1a90-bob"
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
EVENT = "d3aac781-5229-5aa4-997e-6705b4971007"
ARTIFACT = "92074329-d7e2-4bc7-a1cb-4a9c62477b4d"


def payload(kind: str = "recall", **fields: Any) -> dict[str, Any]:
    """Return a request body: valid unless the fields make it wrong."""
    return {"kind": kind, "timestamp": NOW.timestamp()} | fields


def body(kind: str = "recall", **fields: Any) -> bytes:
    """Return a request body as bytes."""
    return json.dumps(payload(kind, **fields)).encode()


def interaction(kind: str = "recall", *, user_id: str = ALICE, now: datetime = NOW, **fields: Any) -> Interaction:
    """Return the interaction that such a request describes."""
    return parse(body(kind, **fields), user_id=user_id, now=now)
