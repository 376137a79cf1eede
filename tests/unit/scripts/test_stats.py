"""stats: its CSV."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from scripts import stats
from scripts.common.target import Target
from scripts.reports.tables import cell
from tests.unit.scripts.fake_sqs import FakeTarget


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
        ("a;=1+1;b", "a;'=1+1;b"),
        (";;-1;+2", ";;'-1;'+2"),
        ("a; b-c", "a; b-c"),
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


class Judge(FakeTarget):
    """A target with two pages of judgments."""

    def operate(self, operation: str, **arguments: Any) -> Any:
        assert (operation, arguments["basis"]) == ("judgments", self.results["basis"])
        pages = {
            None: ([["invoice", "a", 3], ["invoice", "=b", 0]], ["invoice", "=b"]),
            "invoice": ([["x", "c", 1]], None),
        }
        rows, cursor = pages[arguments["cursor"] and arguments["cursor"][0]]
        return {"judgments": rows, "cursor": cursor}


@pytest.mark.parametrize(("words", "basis"), [([], "marks"), (["--by", "clicks"], "clicks")])
def test_judgments_are_written_as_tools_read_them(
    words: list[str], basis: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = Judge("dev", "us-east-1", None)
    target.results["basis"] = basis
    monkeypatch.setattr(stats, "find_target", lambda _: target)
    result = CliRunner().invoke(stats.stats, ["-e", "dev", "--judgments", str(tmp_path / "file"), *words])
    assert result.output == f"wrote {tmp_path}/file: 3 judgments by {basis}\n"
    lines = (tmp_path / "file").read_text().splitlines()
    assert lines == ['"query","docid","rating"', '"invoice","a",3', '"invoice","\'=b",0', '"x","c",1']
