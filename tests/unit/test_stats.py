"""stats: what is refused before anything is asked, and what a CSV file may hold."""

from typing import Any

import pytest
from click.testing import CliRunner

from scripts import stats


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--only", "typo"], "no table typo: there are balance, interactions_by_day, "),
        (["--html", "/nope/x"], "/nope/x cannot be written"),
        (["--json", "--csv"], "choose one"),
    ],
)
def test_wrong_use_is_told_before_anything_is_asked(words: list[str], says: str) -> None:
    result = CliRunner().invoke(stats.stats, ["-e", "nowhere", *words])
    assert result.exit_code == 2
    assert says in result.stderr.splitlines()[-1]


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
def test_a_cell_neither_computes_nor_steers(value: Any, written: Any) -> None:
    assert stats.cell(value) == written


def test_two_tables_have_an_empty_line_between_them(monkeypatch: pytest.MonkeyPatch) -> None:
    tables = {name: {"columns": ["name", "value"], "rows": [["=x", 1]]} for name in ("balance", "graph_outbox")}
    monkeypatch.setattr(stats, "find", lambda _: None)
    monkeypatch.setattr(stats, "collect", lambda *_, **__: tables)
    result = CliRunner().invoke(stats.stats, ["-e", "dev", "--csv"])
    assert result.stdout == "name,value\n'=x,1\n\nname,value\n'=x,1\n"
