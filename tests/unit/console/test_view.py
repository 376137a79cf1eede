"""What the pages show: users' text stays text, numbers and times are for people."""

import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError
from starlette.requests import Request

from console.source import Source, UnavailableError
from console.text import artifact, date_text, lines, number, pretty, seconds, short, summary, time_element
from console.view import View, url, zone_of
from scripts.common.errors import WrongUseError
from scripts.common.target import Target
from stacks.config.environments import ENVIRONMENTS

HOSTILE = "<script>alert(1)</script>\u202e\u0007 \x1b[31m"


def find() -> Any:
    raise WrongUseError("not deployed")


def source(name: str = "local", *, allow_changes: bool = False) -> Source:
    return Source(ENVIRONMENTS[name], find, allow_changes=allow_changes, discard_folder=Path())


def test_text_from_users_is_text() -> None:
    shown = View(source(), []).failed(WrongUseError(HOSTILE)).body
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


def test_a_summary_of_metadata_is_their_query() -> None:
    whole = '{"query": "a <b> harbour", "results": ["x", "y"]}'
    assert summary(whole) == "“a <b> harbour”, 2 results"
    assert summary('{"query": "harbour", "results": ["d3aac781-5229-5a') == "“harbour”"  # its beginning
    assert summary('{"note": "x", "position": 4}') == "note: x, position: 4"
    assert summary('{"note": ["x"]}') == '{"note": ["x"]}'
    assert (summary("[1]"), summary(None), summary("")) == ("[1]", "", "")


def test_an_artifact_s_uuid_is_cut_and_a_name_is_not() -> None:
    assert artifact("d3aac781-5229-5aa4-997e-6705b4971007") == "d3aac781…"
    assert artifact("harbour-map-of-the-guide") == "harbour-map-of-the-guide"


def test_a_day_is_written_with_its_month() -> None:
    assert date_text("2026-11-05") == "5 Nov 2026"
    assert date_text(date(2026, 11, 26), weekday=True) == "Thu 26 Nov 2026"


def request(headers: dict[str, str], method: str = "GET") -> Request:
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    return Request(
        {"type": "http", "method": method, "path": "/key/x", "query_string": b"part=1&a=%26", "headers": raw,
         "server": ("localhost", 1), "scheme": "http"}
    )  # fmt: skip


@pytest.mark.parametrize("name", ["", "Nowhere/Land", "../../etc/passwd", "/etc/passwd", "x" * 5000])
def test_an_unknown_time_zone_is_utc(name: str) -> None:
    assert zone_of(request({"time-zone": name})) == UTC
    assert str(zone_of(request({"time-zone": "Europe/Berlin"}))) == "Europe/Berlin"


def test_a_failed_part_offers_to_try_again_and_a_mistake_does_not() -> None:
    view, part = View(source(), []), {"hx-request": "true"}
    failed = bytes(view.failed(UnavailableError("too slow", "at http://127.0.0.1"), request(part)).body).decode()
    assert 'hx-get="/key/x?part=1&amp;a=%26"' in failed
    assert "This cannot be read now: too slow" in failed
    assert re.search(r"<details>.*at http://127.0.0.1", failed, re.DOTALL)
    mistake = bytes(view.failed(WrongUseError("“x” is not an id"), request(part)).body).decode()
    assert "Try again" not in mistake
    assert "now" not in mistake
    posted = bytes(view.failed(UnavailableError("too slow"), request(part, "POST")).body).decode()
    assert "Try again" not in posted
    of_field = bytes(view.failed(WrongUseError("not JSON"), field="metadata").body).decode()
    assert 'data-field="metadata"' in of_field


def test_a_time_out_is_told_without_its_address() -> None:
    def slow(_: object) -> None:
        raise ReadTimeoutError(endpoint_url="http://127.0.0.1:9/functions")

    target = Target("local", "us-east-1", endpoint=None)
    with pytest.raises(UnavailableError, match=r"^the service took too long to answer$") as told:
        Source(ENVIRONMENTS["local"], lambda: target, allow_changes=False, discard_folder=Path()).ask(slow)
    assert "http://127.0.0.1:9/functions" in told.value.detail
