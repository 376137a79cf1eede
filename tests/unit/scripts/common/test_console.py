"""Text and numbers as the commands show them."""

import json
import os
import sys

import pytest

from scripts.common.console import console, escaped_json, format_number, show_table


def test_json_has_no_control_characters() -> None:
    text = "ü😀 \x1b[2J\x9b\u202e\u2028\U000e0001"
    line = escaped_json({"a": text})
    assert json.loads(line) == {"a": text}
    assert line.isprintable()
    assert "ü😀" in line


def test_a_number_in_a_table_has_one_decimal_at_most() -> None:
    assert [format_number(value) for value in (1_728_000.0, 0.25, 7)] == ["1728000.0", "0.2", "7"]


def test_a_table_that_nobody_reads_is_a_broken_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    monkeypatch.setattr(sys, "stdout", os.fdopen(writer, "w", closefd=False))
    console.cache_clear()
    with pytest.raises(BrokenPipeError):
        show_table("title", ["a"], [["b"]])
    console.cache_clear()
    os.dup2(os.open(os.devnull, os.O_WRONLY), writer)  # what is left in the buffer goes there
