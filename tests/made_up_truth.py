"""What the made-up people of `make demo-data` did, counted in plain Python: no query language is trusted."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from local.made_up import people

UNTIL = datetime(2026, 5, 1, tzinfo=UTC)


@dataclass
class Event:
    """What happened in one event, in order of time."""

    user: str
    opening: dict[str, Any]
    touches: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))

    @property
    def is_recall(self) -> bool:
        return bool(self.opening["kind"] == "recall")

    def artifacts(self, kind: str) -> set[str]:
        return {one["artifact_id"] for one in self.touches[kind]}

    @property
    def is_good(self) -> bool:
        """Whether something was kept or marked good, and not taken back or marked bad afterwards."""
        keeps, marks = set(), set()
        for one in sorted(
            (one for touches in self.touches.values() for one in touches), key=lambda one: one["timestamp"]
        ):
            match one["kind"]:
                case "keep":
                    keeps.add(one["artifact_id"])
                case "unkeep":
                    keeps.discard(one["artifact_id"])
                case "mark_good":
                    marks.add(one["artifact_id"])
                case "mark_bad" | "unmark":
                    marks.discard(one["artifact_id"])
        return bool(keeps | marks)

    @property
    def ranks(self) -> list[int]:
        """The ranks of the results that were peeled."""
        results = self.opening["metadata"]["results"]
        return [results.index(one) + 1 for one in self.artifacts("peel")]


class Truth:
    """What the made-up people did."""

    def __init__(self) -> None:
        # What is sent twice is stored once.
        sent = [(person.email, payload) for person in people(until=UNTIL) for payload in person.payloads]
        self.payloads = list({str(one): one for one in sent}.values())
        self.events: dict[str, Event] = {}
        for user, payload in sorted(self.payloads, key=lambda one: one[1]["timestamp"]):
            if payload["artifact_id"] is None:
                self.events[payload["event_id"]] = Event(user, payload)
            else:
                self.events[payload["event_id"]].touches[payload["kind"]].append(payload)
        self.recalls = [event for event in self.events.values() if event.is_recall]


def day(payload: dict[str, Any]) -> date:
    return datetime.fromtimestamp(payload["timestamp"] / 1000, UTC).date()
