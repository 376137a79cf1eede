"""Examples of what is sent and answered; tests send and read them."""

from typing import Final

from chalicelib.api.accept import AGAIN
from chalicelib.api.event_status import EventStatus
from chalicelib.api.reply import PostResponse

_EVENT: Final = "6f1f0a52-8b5e-4c8e-9d0b-3a1f4b7f2c11"
_ARTIFACT: Final = "92074329-d7e2-4bc7-a1cb-4a9c62477b4d"
_AT: Final = "2026-05-01T12:00:00Z"

RECALL: Final = {"kind": "recall", "metadata": {"query": "test recall"}, "timestamp": 1777636800.0}
PEEL: Final = {"kind": "peel", "event_id": _EVENT, "artifact_id": _ARTIFACT, "timestamp": 1777636804.5}
BATCH: Final = {"interactions": [RECALL | {"event_id": _EVENT}, PEEL]}
OK: Final = PostResponse(status="ok", event_id=_EVENT)
WRONG: Final = PostResponse(status="error", message="artifact_id: required for kind 'peel'")
RETRY: Final = PostResponse(status="retry", message=AGAIN, event_id=_EVENT)
UNSURE: Final = RETRY.model_copy(update={"event_id": None})
STATUS: Final = EventStatus.model_validate(
    {
        "event_id": _EVENT,
        "time": "2026-05-01T12:00:09.250Z",
        "interactions": [
            {
                "id": "019de377-a600-8d7c-b1f3-0f6c3a2b9e10",
                "kind": "recall",
                "artifact_id": None,
                "timestamp": _AT,
                "received_at": "2026-05-01T12:00:01.100Z",
                "stored_at": "2026-05-01T12:00:01.900Z",
                "state": "in_graph",
            },
            {
                "id": "019de377-b794-8c11-a0d2-6b5e7f1c8d42",
                "kind": "peel",
                "artifact_id": _ARTIFACT,
                "timestamp": "2026-05-01T12:00:04.500Z",
                "received_at": "2026-05-01T12:00:08.100Z",
                "stored_at": "2026-05-01T12:00:08.700Z",
                "state": "stored",
            },
        ],
        "more": False,
        "graph": {"state": "there", "labels": ["Event", "RecallEvent"]},
    }
)
