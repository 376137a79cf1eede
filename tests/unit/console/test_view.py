"""What the pages show: users' text stays text, numbers and times are for people."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from console.source import Source, UnavailableError
from console.view import View, lines, number, pretty, seconds, short, time_element, url
from scripts.common.errors import WrongUseError
from stacks.config.environments import ENVIRONMENTS

HOSTILE = "<script>alert(1)</script>\u202e\u0007 \x1b[31m"


def find() -> Any:
    raise WrongUseError("not deployed")


def source(name: str = "local", *, allow_changes: bool = False) -> Source:
    return Source(ENVIRONMENTS[name], find, allow_changes=allow_changes, discard_folder=Path())


def test_text_from_users_is_text() -> None:
    shown = View(source(), []).show("unavailable.html", message=HOSTILE, part=True).body
    assert "&lt;script&gt;alert(1)&lt;/script&gt;\\u202e\\x07 \\x1b[31m" in bytes(shown).decode()
    for drawn in (short(HOSTILE), lines(HOSTILE), pretty(f'{{"a": "{"<b>" * 3}"}}'), pretty(HOSTILE)):
        assert "<script" not in drawn
        assert "<b>" not in drawn
        assert not set("\u202e\u0007\x1b") & set(drawn)


def test_text_of_several_lines_keeps_them() -> None:
    assert lines("a\n<b>\n") == "a\n&lt;b&gt;\n"
    assert pretty('{"a":[1,"é"]}') == "{\n  &#34;a&#34;: [\n    1,\n    &#34;é&#34;\n  ]\n}"


def test_numbers_have_thousands_and_units() -> None:
    assert (number(1234567), number(0.256, 2), number(None)) == ("1\u202f234\u202f567", "0.26", "\u2013")
    assert (seconds(0.0031), seconds(2.44), seconds(7500), seconds(None)) == ("3 ms", "2.4 s", "2 h 5 min", "\u2013")


def test_times_carry_utc() -> None:
    element = time_element(datetime(2026, 6, 30, 18, 0, 1, 5000, tzinfo=UTC))
    assert 'datetime="2026-06-30T18:00:01.005000+00:00"' in element
    assert 'title="2026-06-30 18:00:01.005 UTC"' in element
    assert time_element("2026-06-30T20:00:01+02:00") == time_element(datetime(2026, 6, 30, 18, 0, 1, tzinfo=UTC))


def test_an_address_names_only_what_is_given() -> None:
    assert url("/key", "/story", id="a&b", user=None, kind="") == "/key/story?id=a%26b"
    assert url("", "/story") == "/story"


def test_a_protected_environment_is_only_read() -> None:
    with pytest.raises(WrongUseError, match="--allow-changes"):
        source("prod").change(lambda _: None)
    for free in (source("local"), source("prod", allow_changes=True)):
        with pytest.raises(UnavailableError, match="not deployed"):
            free.change(lambda _: None)


def test_after_a_failure_the_environment_is_looked_up_again() -> None:
    found: list[int] = []

    def count() -> Any:
        found.append(1)
        return find()

    finding = Source(ENVIRONMENTS["local"], count, allow_changes=False, discard_folder=Path())
    for _ in range(2):
        with pytest.raises(UnavailableError):
            finding.operate("health")
    assert len(found) == 2
