"""The simulation of docs/scale.md: what it says about simple cases that can be computed by hand."""

import pytest

from bench.scale import HOUR, Capacity, Scenario, simulated

CAPACITY = Capacity(worker=2_000, postgres=4_000, graph=1_000)
GRAPH_AWAY = Scenario(name="graph", seconds=HOUR, graph_away=True)
POSTGRES_AWAY = Scenario(name="Postgres", seconds=HOUR, postgres_away=True)


def test_what_came_without_the_graph_waits_in_the_outbox_and_is_projected_beside_new_rows() -> None:
    seen = simulated(100, GRAPH_AWAY, CAPACITY, workers=2)
    assert seen.most_in_outbox == pytest.approx(100 * HOUR, rel=0.02)
    assert seen.caught_up_seconds == pytest.approx(100 * HOUR / (1_000 - 100), rel=0.05)
    assert seen.longest_in_queue_seconds <= 2


def test_what_came_without_postgres_waits_in_the_queue_and_for_the_visibility_time_out() -> None:
    seen = simulated(100, POSTGRES_AWAY, CAPACITY, workers=2)
    assert HOUR <= seen.longest_in_queue_seconds <= HOUR + 200
    assert seen.most_queued == pytest.approx(100 * HOUR, rel=0.06)
    assert seen.caught_up_seconds is not None


def test_above_the_graphs_rate_it_never_catches_up() -> None:
    assert simulated(1_200, Scenario(name="a burst", seconds=1), CAPACITY, workers=2).caught_up_seconds is None
