"""The Python client's rules that need no server."""

import json
import math
import os
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.api.payload import parse
from interaction_client import Tracker
from interaction_client.answer import Answer, Verdict, judge, read_retry_after
from interaction_client.content import clean

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "url",
    ["http://api.example", "http://localhost.example", "ftp://localhost", "api", "https://"],
)
def test_a_token_never_crosses_a_network_in_clear_text(url: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="must begin with https://"):
        Tracker(url, "token", user="u", path=tmp_path / "queue.db")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("url", ["https://api.example/", "http://localhost:1", "http://127.0.0.1:1", "http://[::1]:1"])
def test_https_and_this_machine_are_addresses_of_the_api(url: str, tmp_path: Path) -> None:
    Tracker(url, "token", user="u", path=tmp_path / "queue.db").close(0)


@pytest.mark.parametrize("mode", [0o604, 0o620])
@pytest.mark.parametrize("file", ["queue.db", "queue.db-wal", "queue.db-shm", "queue.db-journal"])
def test_a_queue_that_others_may_read_or_write_is_refused(file: str, mode: int, tmp_path: Path) -> None:
    (tmp_path / file).touch()
    (tmp_path / file).chmod(mode)
    with pytest.raises(PermissionError, match=f"{file}: other users of this machine may read or write it"):
        Tracker("https://api.example", "token", user="u", path=tmp_path / "queue.db")
    assert (tmp_path / file).stat().st_size == 0


def test_a_queue_of_another_user_of_the_machine_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Tracker("https://api.example", "token", user="u", path=tmp_path / "queue.db").close(0)
    another = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: another)
    with pytest.raises(PermissionError, match="belongs to another user of this machine"):
        Tracker("https://api.example", "token", user="u", path=tmp_path / "queue.db")


@pytest.mark.parametrize("mode", [0o1777, 0o777, 0o702])
@pytest.mark.parametrize("is_link", [False, True])
def test_a_folder_into_which_others_may_put_files_is_refused(tmp_path: Path, mode: int, *, is_link: bool) -> None:
    (shared := tmp_path / "shared").mkdir()
    shared.chmod(mode)
    path = shared / "queue.db"
    if is_link:
        path = tmp_path / "queue.db"
        path.symlink_to(shared / "queue.db")
    with pytest.raises(PermissionError, match=f"{shared}: other users of this machine may write to it"):
        Tracker("https://api.example", "token", user="u", path=path)
    assert list(shared.iterdir()) == []


def test_of_groups_only_the_users_own_may_write_to_the_folder(tmp_path: Path) -> None:
    user = os.geteuid()
    (folder := tmp_path / "folder").mkdir()
    groups = os.getgroups() if user else [0, 1]  # root may give it to any
    for group in groups:
        os.chown(folder, -1, group)
        folder.chmod(0o770)
        with nullcontext() if group == user else pytest.raises(PermissionError, match="may write to it"):
            Tracker("https://api.example", "token", user="u", path=folder / "queue.db").close(0)


def test_a_folder_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    user = os.geteuid()
    if user:
        monkeypatch.setattr(os, "geteuid", lambda: user + 1)
    else:
        os.chown(tmp_path, 1, 1)
    with pytest.raises(PermissionError, match=f"{tmp_path}: belongs to another user of this machine"):
        Tracker("https://api.example", "token", user="u", path=tmp_path / "queue.db")
    assert list(tmp_path.iterdir()) == []


def numbers() -> Iterator[int]:
    yield from (1, 2)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": [1, 1.5, "é😀", None, True, {"b": {}}]}, {"a": [1, 1.5, "é😀", None, True, {"b": {}}]}),
        ([math.nan, math.inf, -math.inf], [None, None, None]),
        ([2**53 - 1, -(2**53), 10**400], [2**53 - 1, str(-(2**53)), str(10**400)]),
        (datetime(2026, 1, 1, 12, tzinfo=UTC), "2026-01-01T12:00:00+00:00"),
        (date(2026, 1, 1), "2026-01-01"),
        ({"a\0": "b\0", 1: "\ud83d"}, {"a\ufffd": "b\ufffd", "1": "\ufffd"}),
        (((1, 2), {3}, numbers()), [[1, 2], [3], [1, 2]]),
        ([Decimal("1.10"), UUID(int=0)], ["1.10", "00000000-0000-0000-0000-000000000000"]),
    ],
)
def test_content_becomes_json_by_the_rule(value: Any, expected: Any) -> None:
    assert clean(value) == expected


def test_a_cycle_is_named_and_the_same_object_twice_is_no_cycle() -> None:
    shared = {"a": 1}
    cycle: dict[str, Any] = {"one": shared, "two": shared}
    cycle["self"] = cycle
    assert clean(cycle) == {"one": {"a": 1}, "two": {"a": 1}, "self": "[cycle]"}


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.datetimes() | st.binary(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text() | st.integers(), children, max_size=3),
    max_leaves=8,
)


@settings(max_examples=50)
@given(st.dictionaries(st.text(), anything, max_size=3))
def test_the_api_takes_whatever_was_cleaned(metadata: dict[str, Any]) -> None:
    payload = {"kind": "recall", "timestamp": NOW.timestamp(), "metadata": metadata}
    text = json.dumps(clean(payload), ensure_ascii=False, allow_nan=False)
    parse(text.encode(), user_id="alice", now=NOW)


def test_what_is_nested_more_deeply_than_the_api_takes_is_named() -> None:
    nested: Any = 1
    for _ in range(1000):
        nested = {"a": nested}
    payload = clean({"kind": "recall", "timestamp": NOW.timestamp(), "metadata": nested})
    assert "[too deep]" in json.dumps(payload)
    parse(json.dumps(payload).encode(), user_id="alice", now=NOW)


def test_only_a_verdict_that_can_be_read_settles_an_interaction() -> None:
    results: list[Any] = [{"status": "ok"}, {"status": "error", "message": "kind: required"}, {"status": "retry"}]
    results += [{}, None, 1]
    outcome = judge(Answer(200, json.dumps({"results": results})), len(results), 0)
    assert outcome.verdicts == (Verdict(None), Verdict("kind: required"), None, None, None, None)


@pytest.mark.parametrize(
    "text", ["", "<html>", "null", "[]", "{}", '{"results": {}}', '{"results": []}', "[" * 100_000]
)
def test_an_answer_that_cannot_be_read_is_retry(text: str) -> None:
    assert judge(Answer(200, text), 1, 0).kind == "retry"


@pytest.mark.parametrize(
    ("status", "kind"),
    [(408, "retry"), (429, "retry"), (500, "retry"), (504, "retry"), (401, "token"), (413, "split")]
    + [(status, "pause") for status in (302, 400, 403, 404, 415)],
)
def test_a_status_says_what_to_do(status: int, kind: str) -> None:
    assert judge(Answer(status, ""), 1, 0).kind == kind


def test_retry_after_is_read_in_seconds_and_as_a_date() -> None:
    now = NOW.timestamp()
    assert read_retry_after("120", now) == 120
    assert read_retry_after("Thu, 01 Jan 2026 00:00:30 GMT", now) == 30
    for nothing in (None, "", "soon", "-1", "Thu, 01 Jan 2015 00:00:30 GMT"):
        assert read_retry_after(nothing, now) == 0
    assert read_retry_after("99999999999", now) == 86_400
