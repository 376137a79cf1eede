"""Simulates bursts and outages at several rates, with the rates that the bench measured: `python -m bench.scale`.

Each stop of the path is a process: it takes what waits, as much as it can do in a second, and passes it on. Rows that
Postgres did not take come again after the queue's visibility time-out, as with SQS.
"""

import json
import random
from collections import deque
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

import click
import simpy

from bench.page import markdown, replace_figures
from bench.processes import ROOT
from stacks.config.costs import HOURS, PER_MILLION_DOLLARS, total
from stacks.config.environments import DEV, PROD

Steps = Generator[simpy.Event, Any, None]
HOUR, DAY = 3600, 86_400
PAGE = ROOT / "docs" / "scale.md"
RATES = (10, 100, 1_000, 10_000)
TICK_SECONDS = 1
QUIET_ROWS_SHARE = 5  # seconds of traffic: so little always waits somewhere


@dataclass(frozen=True, kw_only=True)
class Capacity:
    """What each stop does in a second, in rows."""

    worker: float
    """One worker, in batches of 100 messages."""
    postgres: float
    """All workers together."""
    graph: float
    """All drains together."""

    @classmethod
    def measured(cls) -> "Capacity":
        """Return the figures of the last bench; raises FileNotFoundError if there was none."""
        figures = json.loads((ROOT / ".local" / "bench.json").read_text())
        values = {one["name"]: one["value"] for one in figures}
        return cls(worker=values["handle 100"], postgres=values["store 1000"], graph=values["project, two drains"])


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """What happens beside steady traffic: from second 600 on, for so long."""

    name: str
    seconds: int
    factor: float = 1.0
    """Of the usual traffic."""
    postgres_away: bool = False
    graph_away: bool = False

    @property
    def end(self) -> int:
        """The second in which it is over."""
        return BEGIN + self.seconds

    def during(self, now: float) -> bool:
        """Return whether it is under way."""
        return BEGIN <= now < self.end


BEGIN = 600
SCENARIOS = (
    Scenario(name="ten times the traffic for a minute", seconds=60, factor=10),
    Scenario(name="Postgres away for an hour", seconds=HOUR, postgres_away=True),
    Scenario(name="the graph away for an hour", seconds=HOUR, graph_away=True),
    Scenario(name="the graph away for a day", seconds=DAY, graph_away=True),
)


@dataclass
class Outcome:
    """What a simulation saw."""

    most_queued: float = 0
    most_in_outbox: float = 0
    longest_in_queue_seconds: float = 0
    caught_up_seconds: float | None = None
    """After the end of the scenario; None: not within three days."""
    outbox: list[float] = field(default_factory=list)
    """Rows in the outbox, each minute."""


class Path:
    """The queue, the workers, the outbox and the drain."""

    def __init__(self, rate: float, scenario: Scenario, capacity: Capacity, workers: int, seed: int = 1) -> None:
        """Take the usual traffic in interactions a second."""
        self._rate, self._scenario, self._capacity, self._workers = rate, scenario, capacity, workers
        self._dice = random.Random(seed)  # noqa: S311  no secret
        self._world = simpy.Environment()
        self._queue: deque[tuple[float, float]] = deque()  # when they came, and how many
        self._queued = self._outbox = 0.0
        self.outcome = Outcome()

    def run(self) -> Outcome:
        """Simulate until nothing waits, or for three days after the scenario."""
        self._world.process(self._arrivals())
        for _ in range(self._workers):
            self._world.process(self._worker())
        self._world.process(self._drain())
        over = self._world.process(self._watch())
        self._world.run(until=over)
        return self.outcome

    def _arrivals(self) -> Steps:
        while True:
            factor = self._scenario.factor if self._scenario.during(self._world.now) else 1
            mean = self._rate * factor * TICK_SECONDS
            count = max(0.0, round(self._dice.gauss(mean, mean**0.5)))
            self._queue.append((self._world.now, count))
            self._queued += count
            yield self._world.timeout(TICK_SECONDS)

    def _worker(self) -> Steps:
        rate = min(self._capacity.worker, self._capacity.postgres / self._workers)
        while True:
            if self._scenario.postgres_away and self._scenario.during(self._world.now):
                # What was received before the end is hidden for so long; on average half of it is left by then.
                hidden = self._dice.uniform(0, PROD.worker.visibility_seconds)
                yield self._world.timeout(self._scenario.end - self._world.now + hidden)
            taken = self._take(rate * TICK_SECONDS)
            yield self._world.timeout(taken / rate or TICK_SECONDS)
            self._outbox += taken

    def _take(self, most: float) -> float:
        taken = 0.0
        while self._queue and taken < most:
            came, count = self._queue.popleft()
            now = min(count, most - taken)
            taken += now
            wait = self._world.now - came
            self.outcome.longest_in_queue_seconds = max(self.outcome.longest_in_queue_seconds, wait)
            if count > now:
                self._queue.appendleft((came, count - now))
        self._queued -= taken
        return taken

    def _drain(self) -> Steps:
        while True:
            away = self._scenario.graph_away and self._scenario.during(self._world.now)
            taken = 0.0 if away else min(self._outbox, self._capacity.graph * TICK_SECONDS)
            self._outbox -= taken
            yield self._world.timeout(taken / self._capacity.graph or TICK_SECONDS)

    def _watch(self) -> Steps:
        end = self._scenario.end
        while self._world.now < end + 3 * DAY:
            yield self._world.timeout(TICK_SECONDS)
            self.outcome.most_queued = max(self.outcome.most_queued, self._queued)
            self.outcome.most_in_outbox = max(self.outcome.most_in_outbox, self._outbox)
            if self._world.now % 60 == 0:
                self.outcome.outbox.append(self._outbox)
            if self._world.now > end and self._queued + self._outbox < QUIET_ROWS_SHARE * self._rate:
                self.outcome.caught_up_seconds = self._world.now - end
                return


def simulated(rate: float, scenario: Scenario, capacity: Capacity, workers: int = PROD.worker.concurrency) -> Outcome:
    """Return what one scenario does to a system with prod's worker settings."""
    return Path(rate, scenario, capacity, workers).run()


@click.command()
@click.option("--page", is_flag=True, help="write the figures into docs/scale.md too")
def main(*, page: bool) -> None:
    """Simulate each scenario at each rate, and print what it does."""
    capacity = Capacity.measured()
    text = "\n\n".join([_capacity(capacity), markdown(_outcomes(capacity)), markdown(_costs())])
    click.echo(text)
    if page:
        replace_figures(PAGE, "python -m bench.scale --page", text)


def _capacity(capacity: Capacity) -> str:
    return (
        f"One worker {capacity.worker:,.0f} rows a second, Postgres {capacity.postgres:,.0f}, the graph"
        f" {capacity.graph:,.0f}, as the bench measured them; {PROD.worker.concurrency} workers at once."
    )


def _outcomes(capacity: Capacity) -> list[list[str]]:
    rows = [["interactions/s", "what happens", "most in the queue", "longest there", "most in the outbox", "caught up"]]
    for rate in RATES:
        for scenario in SCENARIOS:
            seen = simulated(rate, scenario, capacity)
            rows.append(
                [
                    f"{rate:,}",
                    scenario.name,
                    f"{seen.most_queued:,.0f}",
                    _duration(seen.longest_in_queue_seconds),
                    f"{seen.most_in_outbox:,.0f}",
                    "not in 3 days" if seen.caught_up_seconds is None else f"after {_duration(seen.caught_up_seconds)}",
                ]
            )
    return rows


def _costs() -> list[list[str]]:
    rows = [["interactions/s", "environment", "fixed, per million", "total, one a request", "total, 100 a request"]]
    for rate in RATES:
        environment = DEV if rate <= DEV.throttle_rate else PROD
        fixed = total(environment) / (rate * HOURS * HOUR / 1e6)
        totals = [f"{fixed + one:.2f}" for one in PER_MILLION_DOLLARS.values()]
        rows.append([f"{rate:,}", environment.name, f"{fixed:.2f}", *totals])
    return rows


def _duration(seconds: float) -> str:
    if seconds < 120:  # noqa: PLR2004
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 2 * HOUR else f"{seconds / HOUR:.1f} h"


if __name__ == "__main__":
    main()
