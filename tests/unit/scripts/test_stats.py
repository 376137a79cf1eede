"""stats: its CSV."""

from typing import Any

import pytest
from click.testing import CliRunner

from scripts import stats
from scripts.common.target import Target
from scripts.reports.tables import cell


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("apple", "apple"),
        ("a=b", "a=b"),
        ("", ""),
        (-7, -7),
        (None, None),
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@sum", "'@sum"),
        ("\t=1", "'\\t=1"),
        ("\x1b[2J", "'\\x1b[2J"),
        ("a\x1b[2J\n", "a\\x1b[2J\\n"),
    ],
)
def test_a_cell_is_neither_computed_nor_a_control_sequence(value: Any, written: Any) -> None:
    assert cell(value) == written


def test_an_empty_line_separates_two_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    tables = {name: {"columns": ["name", "value"], "rows": [["=x", 1]]} for name in ("balance", "graph_outbox")}
    monkeypatch.setattr(stats, "find_target", lambda _: Target("dev", "us-east-1"))
    monkeypatch.setattr(stats, "collect", lambda *_, **__: tables)
    result = CliRunner().invoke(stats.stats, ["-e", "dev", "--csv"])
    table = '"name","value"\n"\'=x",1\n'
    assert result.stdout == f"{table}\n{table}"


def test_a_page_can_go_to_standard_output(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stats, "find_target", lambda _: Target("dev", "us-east-1"))
    monkeypatch.setattr(stats, "collect", lambda *_, **__: {"balance": {"columns": ["name"], "rows": [["x"]]}})
    result = CliRunner().invoke(stats.stats, ["-e", "dev", "--html", "-"])
    assert (result.stdout.startswith("<!doctype html>"), result.stdout.endswith("</html>\n")) == (True, True)
