"""What the answers of the queue, the stores and CloudWatch say of the system's health."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from console.source import UnavailableError
from console.view import number, seconds
from scripts.reports.alarms import Alarm
from scripts.reports.queue_state import QueueState

OLD_SECONDS: Final = 300  # as the alarms have it: waiting in the queue
BEHIND_SECONDS: Final = 600  # waiting in the outbox
STALE_SECONDS: Final = 180  # the watermark moves every minute


@dataclass(frozen=True)
class Fact:
    """One thing that was looked at: its state is good, bad or unknown."""

    name: str
    state: str
    value: str
    detail: str = ""
    wrong: str = ""
    """What is wrong, as a sentence; empty if nothing is."""
    section: str = ""
    """Heading of the manual's section that helps."""


def find_facts(answers: dict[str, Any]) -> Iterator[Fact]:
    """Yield the facts, the first cause first; an answer may be the UnavailableError in its place."""
    stores: Any = answers["stores"]
    unknown = isinstance(stores, UnavailableError)
    ledger: dict[str, Any] = {"error": str(stores)} if unknown else stores["ledger"]
    graph = {"error": str(stores)} if unknown else stores["graph"]
    yield _store(
        "Postgres", ledger, unknown=unknown, wrong="Postgres does not answer, so interactions wait in the queue"
    )
    yield _queue(answers["queue"], answers["oldest"], ledger)
    yield _dead_letters(answers["dead"])
    behind = "Neo4j does not answer, so the graph falls behind"
    yield _store("Neo4j", graph, unknown=unknown, wrong=behind, section="The graph is away")
    if "error" not in ledger:
        yield _outbox(ledger["outbox"])
        yield _watermark(ledger["watermark"])


def _store(name: str, answer: dict[str, Any], *, unknown: bool, wrong: str, section: str = "") -> Fact:
    if "error" not in answer:
        return Fact(name, "good", "answers", f"after {seconds(answer['seconds'])}")
    if unknown:
        return Fact(
            name, "unknown", "unknown", answer["error"], f"the operations function says nothing: {answer['error']}"
        )
    return Fact(name, "bad", "does not answer", answer["error"], wrong, section)


def _queue(queue: QueueState | UnavailableError, oldest: Any, ledger: dict[str, Any]) -> Fact:
    if isinstance(queue, UnavailableError):
        return Fact("Queue", "unknown", "unknown", str(queue), f"the queue cannot be read: {queue}")
    age = None if isinstance(oldest, UnavailableError) else oldest
    value = f"{number(queue.messages)} waiting"
    if not queue.messages:
        return Fact("Queue", "good", "empty", "every accepted message is stored")
    why = (
        "because Postgres does not answer"
        if "error" in ledger
        else f"the worker has {number(queue.in_flight)} of them now"
        if queue.in_flight
        else "the worker has not taken them yet"
    )
    detail = f"the oldest for {seconds(age)}; {why}" if age is not None else why
    if age is not None and age > OLD_SECONDS:
        section = "Interactions wait to be stored"
        return Fact("Queue", "bad", value, detail, f"interactions wait to be stored for {seconds(age)}, {why}", section)
    return Fact("Queue", "bad" if "error" in ledger else "good", value, detail)


def _dead_letters(dead: QueueState | UnavailableError) -> Fact:
    if isinstance(dead, UnavailableError):
        return Fact("Dead letters", "unknown", "unknown", str(dead), f"the dead-letter queue cannot be read: {dead}")
    if not dead.messages:
        return Fact("Dead letters", "good", "none", "every message could be stored")
    count = f"{number(dead.messages)} message{'s' if dead.messages > 1 else ''}"
    kept, wrong = "kept until 14 days after they were posted", f"{count} could not be stored"
    return Fact("Dead letters", "bad", count, kept, wrong, "Interactions are dead-lettered")


def _outbox(outbox: dict[str, Any]) -> Fact:
    rows, parked, age = outbox["rows"], outbox["parked"], outbox["age_seconds"]
    if parked:
        wrong = f"the graph refuses {number(parked)} interactions"
        return Fact("Outbox", "bad", f"{number(parked)} parked", wrong, wrong, "The graph refuses interactions")
    if not rows:
        return Fact("Outbox", "good", "empty", "the graph has every stored interaction")
    value, detail = f"{number(rows)} waiting", f"the oldest for {seconds(age)}"
    if age > BEHIND_SECONDS:
        return Fact("Outbox", "bad", value, detail, f"the graph is {seconds(age)} behind", "The graph is behind")
    return Fact("Outbox", "good", value, detail)


def _watermark(reached_at: str | None) -> Fact:
    name = "Watermark"
    if reached_at is None:
        return Fact(name, "unknown", "none yet", "catch-up writes it every minute")
    age = (datetime.now(UTC) - datetime.fromisoformat(reached_at)).total_seconds()
    detail = "until then the graph has everything"
    if age > STALE_SECONDS:
        wrong = f"catch-up has not finished for {seconds(age)}"
        return Fact(name, "bad", f"{seconds(age)} old", detail, wrong, "Catch-up does not run")
    return Fact(name, "good", f"{seconds(age)} old", detail)


def headline(facts: list[Fact], alarms: list[Alarm] | UnavailableError) -> tuple[str, str]:
    """Return the state and one sentence: all is well, or what is wrong first."""
    wrong = [(fact.state, fact.wrong) for fact in facts if fact.wrong]
    if isinstance(alarms, list):
        wrong += [("bad", f"the alarm “{one.heading}” rings") for one in alarms if one.state == "ALARM"]
    if not wrong:
        return "good", "All is well."
    state, first = wrong[0]
    others = list(dict.fromkeys(text for _, text in wrong if text != first))
    more = f", and {len(others)} more" if others else ""
    return state, f"{first[0].upper()}{first[1:]}{more}."
