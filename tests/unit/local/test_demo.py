"""How long `make up` waits for its example."""

from typing import Any

import pytest

from local.demo import CATCH_UP_SECONDS


def test_it_knows_how_often_catch_up_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    import app  # noqa: PLC0415  the functions' app.py, of which the constant is a copy

    sources: list[Any] = app.app.event_sources
    [schedule] = [source.schedule_expression for source in sources if source.name == "catch_up"]
    assert (schedule.to_string(), CATCH_UP_SECONDS) == ("rate(1 minute)", 60)
