"""Made-up people and what they did: plausible, and the same for the same seed and time.

Queries and artifacts are chosen by Zipf's law, and results are opened less the lower they rank. People differ in how
much they do and in how their opinions fall; days of a weekend are quieter, and hours of a night too.
"""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from itertools import accumulate, islice
from random import Random
from typing import Any

NAMESPACE = uuid.UUID("0d5f9a1e-6c3b-5e43-9a55-2f5f3c1b7e11")
SUBJECTS = ("invoice", "contract", "offer", "budget", "roadmap", "interview", "incident", "release", "survey", "lease")
ASPECTS = ("2025", "draft", "signed", "notes", "summary", "open points", "final", "from the supplier", "costs", "dates")
QUERIES = [f"{subject} {aspect}" for aspect in ASPECTS for subject in SUBJECTS]
ARTIFACTS = 2000
RESULTS = 10  # shown for one recall
WITHOUT_RESULT = 0.04  # share of recalls
WORKSPACE = 0.08  # share of events that a workspace opens
OPENED_FIRST, FALL_BY_RANK = 0.42, 0.72  # probability that rank 1 is peeled, and its fall from rank to rank
KEPT, GOOD, BAD = 0.3, 0.22, 0.09  # shares of the peeled results
TAKEN_BACK = 0.05  # share of the keeps, and of the marks
SHARES = {"peel": 1.0, "keep": KEPT, "mark_good": GOOD, "mark_bad": BAD, "unkeep": TAKEN_BACK, "unmark": TAKEN_BACK}
TAKES_BACK = {"unkeep": {"keep"}, "unmark": {"mark_good", "mark_bad"}}
AWAKE_HOURS, WEEKEND = range(7, 19), (5, 6)
REPEATED = 0.01  # share of interactions that a client sends twice


@dataclass(frozen=True)
class Person:
    """One made-up person; the payloads are bodies of POST /interaction, in the order in which they are sent."""

    email: str
    payloads: list[dict[str, Any]]


def people(
    *, until: datetime, seed: int = 1, count: int = 200, days: int = 60, interactions: int = 20_000
) -> Iterator[Person]:
    """Yield so many people with so many interactions together, in the days before `until`; some are sent twice."""
    random = Random(seed)  # noqa: S311  made up, no secret
    activity = [random.paretovariate(1.2) for _ in range(count)]
    bounds = [round(interactions * share / sum(activity)) for share in accumulate(activity)]
    for number, (before, after) in enumerate(zip([0, *bounds], bounds, strict=False)):
        done = islice(_interactions(random, number, until - timedelta(days=days), days), after - before)
        yield Person(f"person-{number + 1:03}@example.com", list(_with_repeats(random, done)))


def _with_repeats(random: Random, payloads: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for payload in payloads:
        yield payload
        if random.random() < REPEATED:
            yield payload


def _interactions(random: Random, person: int, start: datetime, days: int) -> Iterator[dict[str, Any]]:
    """Yield one person's interactions without end, session by session."""
    event = 0
    while True:
        when = _start_of_session(random, start, days)
        for _ in range(1 + int(random.expovariate(0.6))):
            event_id = str(uuid.uuid5(NAMESPACE, f"{person} {event}"))
            event += 1
            if random.random() < WORKSPACE:
                yield _payload("workspace", when, event_id)
            else:
                yield from _recall(random, when, event_id)
            when += timedelta(seconds=random.lognormvariate(4.5, 0.8))


def _start_of_session(random: Random, start: datetime, days: int) -> datetime:
    while True:
        when = start + timedelta(days=random.random() * (days - 0.1))
        awake = 1.0 if when.hour in AWAKE_HOURS else 0.15
        if random.random() < awake * (0.25 if when.weekday() in WEEKEND else 1.0):
            return when


def _recall(random: Random, when: datetime, event_id: str) -> Iterator[dict[str, Any]]:
    query = QUERIES[_zipf(random, len(QUERIES))]
    shown = [] if random.random() < WITHOUT_RESULT else _results(random, query)
    yield _payload("recall", when, event_id, {"query": query, "results": shown})
    for rank, artifact in enumerate(shown, start=1):
        if random.random() >= OPENED_FIRST * FALL_BY_RANK ** (rank - 1):
            continue
        when += timedelta(seconds=random.lognormvariate(2.2, 0.9))
        done: set[str] = set()
        for kind, share in SHARES.items():
            if random.random() < share and (kind not in TAKES_BACK or done & TAKES_BACK[kind]):
                done.add(kind)
                yield _payload(kind, when, event_id, {"position": rank}, artifact)
                when += timedelta(seconds=random.lognormvariate(1.6, 0.7))


def _results(random: Random, query: str) -> list[str]:
    """Return what a search shows: the same for the same query, but for a neighbour that changed places."""
    first = QUERIES.index(query) * 7
    numbers = [(first + _spread(place)) % ARTIFACTS for place in range(RESULTS)]
    swapped = int(random.random() * (RESULTS - 1))
    numbers[swapped], numbers[swapped + 1] = numbers[swapped + 1], numbers[swapped]
    return [_artifact(number) for number in numbers]


@cache
def _artifact(number: int) -> str:
    return str(uuid.uuid5(NAMESPACE, f"artifact {number}"))


def _spread(place: int) -> int:
    return place * place * 3


def _zipf(random: Random, size: int) -> int:
    """Return a number below the size; number n comes about 1/(n + 1) as often as 0."""
    return min(size - 1, int(size ** random.random()) - 1)


def _payload(
    kind: str, when: datetime, event_id: str, metadata: dict[str, Any] | None = None, artifact: str | None = None
) -> dict[str, Any]:
    timestamp = round(when.timestamp() * 1000)
    return {"kind": kind, "event_id": event_id, "artifact_id": artifact, "timestamp": timestamp, "metadata": metadata}
