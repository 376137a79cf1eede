"""stats: its CSV."""

import csv
import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import pytest
from click.testing import CliRunner
from hypothesis import example, given
from hypothesis import strategies as st

from scripts import stats
from scripts.common.errors import OperationError
from scripts.common.target import SHORT_CALLS, Settings, Target
from scripts.reports import waiting
from scripts.reports.tables import as_csv, cell
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
        ("a; =1", "a;' =1"),
        ('a;"=1+1;', "a;'\"=1+1;"),
        ('a;"b=1', 'a;"b=1'),
        ("\t=1", "'\\t=1"),
        ("\x1b[2J", "'\\x1b[2J"),
        ("a\x1b[2J\n", "a\\x1b[2J\\n"),
    ],
)
def test_a_cell_is_neither_computed_nor_a_control_sequence(value: Any, written: Any) -> None:
    assert cell(value) == written


@pytest.mark.parametrize("delimiter", [",", ";"])
@given(st.lists(st.text(";,\"=-+@ \ta'"), min_size=2, max_size=3))
@example(["x", 'a;"=HYPERLINK("https://api.example");'])
def test_whatever_separator_the_spreadsheet_takes_no_cell_is_computed(delimiter: str, row: list[str]) -> None:
    written = as_csv({"columns": ["name"] * len(row), "rows": [row]})
    cells = [one for line in csv.reader(written.splitlines(), delimiter=delimiter) for one in line]
    assert [one for one in cells if one.lstrip(" \t").startswith(("=", "-", "+", "@"))] == []


def test_an_empty_line_separates_two_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    tables = {name: {"columns": ["name", "value"], "rows": [["=x", 1]]} for name in ("balance", "graph_outbox")}
    monkeypatch.setattr(stats, "find_target", lambda _: Target("dev", "us-east-1"))
    monkeypatch.setattr(stats, "collect", lambda *_, **__: (tables, None))
    result = CliRunner().invoke(stats.stats, ["-e", "dev", "--csv"])
    table = '"name","value"\n"\'=x",1\n'
    assert result.stdout == f"{table}\n{table}"


def test_a_page_can_go_to_standard_output(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stats, "find_target", lambda _: Target("dev", "us-east-1"))
    monkeypatch.setattr(stats, "collect", lambda *_, **__: ({"balance": {"columns": ["name"], "rows": [["x"]]}}, None))
    result = CliRunner().invoke(stats.stats, ["-e", "dev", "--html", "-"])
    assert (result.stdout.startswith("<!doctype html>"), result.stdout.endswith("</html>\n")) == (True, True)


AWAY = OperationError("statistics: Postgres does not answer")


@pytest.mark.parametrize(
    ("words", "status", "printed", "told"),
    [
        ([], 3, "waiting messages", True),
        (["--json"], 3, '"queue"', True),
        (["--only", "queue", "--csv"], 0, '"waiting messages",7', False),
        (["--only", "funnel"], 3, "", True),
        (["--html", "page.html"], 3, "", True),
    ],
)
def test_what_is_known_without_postgres_is_shown(
    words: list[str], status: int, printed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, told: bool
) -> None:
    tables = {"queue": {"columns": ["name", "value"], "rows": [["waiting messages", 7]]}}
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(stats, "find_target", lambda _: Target("dev", "us-east-1"))
    monkeypatch.setattr(stats, "collect", lambda *_, **__: (tables, AWAY))
    result = CliRunner().invoke(stats.stats, ["-e", "dev", *words])
    assert result.exit_code == status
    assert printed in result.stdout
    assert ("Postgres does not answer" in result.output) is told
    assert not list(tmp_path.iterdir())


SLOW = "unknown, because it takes too long to count: funnel of 2026-05-01; ask for fewer days"


@pytest.mark.parametrize(
    ("words", "status", "printed"),
    [
        ([], 3, "funnel of 2026-05-01"),
        (["--json"], 3, '"unanswered"'),
        (["--only", "queue", "--csv"], 0, '"waiting messages",7'),
        (["--only", "funnel"], 3, ""),
        (["--html", "page.html"], 3, "wrote page.html"),
    ],
)
def test_what_takes_too_long_to_count_is_unknown_and_the_rest_is_shown(
    words: list[str], status: int, printed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = {
        "queue": {"columns": ["name", "value"], "rows": [["waiting messages", 7]]},
        "unanswered": {"columns": ["unknown"], "rows": [["funnel of 2026-05-01"]]},
    }
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(stats, "find_target", lambda _: Target("dev", "us-east-1"))
    monkeypatch.setattr(stats, "collect", lambda *_, **__: (tables, None))
    result = CliRunner().invoke(stats.stats, ["-e", "dev", *words])
    assert result.exit_code == status
    assert printed in result.stdout
    assert (SLOW in result.output.replace("\n", " ")) is bool(status)


class Waiting(FakeTarget):
    """A target whose queue has messages, and whose worker says why."""

    lines: ClassVar = [
        {"message": "the ledger refused", "kind": "UndefinedTable", "sqlstate": "42P01"},
        {"message": "the ledger refused", "kind": "UndefinedTable", "sqlstate": "42P01"},
        {"message": "of newer code", "unknown": "version 2"},
        {"message": "stored"},
    ]

    @cached_property
    def outputs(self) -> Mapping[str, str]:
        return {"QueueUrl": "source", "DeadLetterQueueUrl": "dead", "WorkerLog": "log"}

    def client(self, service: str, settings: Settings = SHORT_CALLS) -> Any:
        return self if service == "logs" else super().client(service, settings)

    def get_paginator(self, name: str) -> Any:
        assert name == "filter_log_events"
        return self

    def paginate(self, **asked: Any) -> list[Any]:
        assert asked["logGroupName"] == "log"
        return [{"events": [{"message": json.dumps(line)} for line in self.lines] + [{"message": "no JSON"}]}]


@pytest.mark.parametrize(
    ("health", "reasons"),
    [
        (
            {"ledger": {"seconds": 1}},
            [["reason", 2, "the ledger refused: UndefinedTable, 42P01"], ["reason", 1, "of newer code: version 2"]],
        ),
        ({"ledger": {"error": "OperationalError"}}, [["reason", None, "Postgres does not answer: OperationalError"]]),
    ],
)
def test_what_waits_says_why(health: Any, reasons: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "read_oldest_seconds", lambda _: 300.0)
    target = Waiting("dev", "us-east-1", None, results={"health": health})
    target.sqs.waiting = 7
    rows = waiting.read_waiting(target)
    assert [row[:2] for row in rows[:4]] == [
        ["waiting_messages", 7],
        ["in_flight_messages", 0],
        ["oldest_seconds", 300],
        ["dead_messages", 0],
    ]
    assert rows[4:] == reasons


def test_what_is_new_on_the_queue_needs_no_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "read_oldest_seconds", lambda _: 5.0)
    target = Waiting("dev", "us-east-1", None)
    target.sqs.waiting = 7
    assert not [row for row in waiting.read_waiting(target) if row[0] == "reason"]


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
