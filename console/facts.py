"""What the answers of the queue, the stores and CloudWatch say of the system's health."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from console.source import UnavailableError
from console.text import number, plural, seconds
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
    page: str = ""
    """Path of the console's page that helps."""


class Headline(NamedTuple):
    """The state of all, and what is wrong first, with what helps against it."""

    state: str
    sentence: str
    section: str = ""
    page: str = ""


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
    count, kept = plural(dead.messages, "message"), "each is kept until 14 days after it was posted"
    wrong, section = f"{count} could not be stored", "Interactions are dead-lettered"
    return Fact("Dead letters", "bad", count, kept, wrong, section, page="/dead-letters")


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


def headline(facts: list[Fact], alarms: list[Alarm] | UnavailableError) -> Headline:
    """Return the state and one sentence: all is well, or what is wrong first."""
    wrong = [Headline(fact.state, fact.wrong, fact.section, fact.page) for fact in facts if fact.wrong]
    if isinstance(alarms, list):
        ringing = [one.heading for one in alarms if one.state == "ALARM"]
        wrong += [Headline("bad", f"the alarm “{heading}” rings", heading) for heading in ringing]
    if not wrong:
        return Headline("good", "All is well.")
    first = wrong[0]
    others = {one.sentence for one in wrong} - {first.sentence}
    more = f", and {len(others)} more" if others else ""
    return first._replace(sentence=f"{first.sentence[0].upper()}{first.sentence[1:]}{more}.")
