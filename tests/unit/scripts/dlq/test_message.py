"""Dead letters: what can be read of any body, which ones are meant, and their file."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import pytest

from chalicelib.queue import encode
from scripts.common.cli import Moment
from scripts.common.target import WrongUseError
from scripts.dlq.message import GAVE_UP, DeadLetter, Selection, append_to_file, read_file
from scripts.dlq.queue import batches
from scripts.dlq.report import age
from scripts.redrive_dlq import Action
from tests.samples import ALICE, ARTIFACT, BOB, NOW, interaction


def letter(body: str = "{", reason: str = "not_json", sent_at: datetime = NOW) -> DeadLetter:
    return DeadLetter(message_id="m", reason=reason, sent_at=sent_at, attributes={}, body=body)


def spoilt(**fields: Any) -> DeadLetter:
    return letter(json.dumps({"version": 1, "interactions": [fields]}), "refused")


def test_a_message_without_a_reason_gave_up() -> None:
    message = {"MessageId": "m", "Body": "b", "Attributes": {"SentTimestamp": "1777636800000"}}
    assert DeadLetter.received(message) == letter("b", GAVE_UP)


def test_the_reason_is_read_and_other_attributes_are_kept() -> None:
    text = {"DataType": "String", "StringValue": "refused"}
    message = {
        "MessageId": "m",
        "Body": "b",
        "Attributes": {"SentTimestamp": "0"},
        "MessageAttributes": {"reason": text, "other": text},
    }
    found = DeadLetter.received(message)
    assert (found.reason, found.attributes) == ("refused", {"other": text})


def test_a_binary_attribute_is_kept_in_a_file_and_sent_as_it_was(tmp_path: Path) -> None:
    binary = {"trace": {"DataType": "Binary", "BinaryValue": b"\xff\x00"}}
    message = {"MessageId": "m", "Body": "b", "Attributes": {"SentTimestamp": "0"}, "MessageAttributes": binary}
    append_to_file(tmp_path / "file", [DeadLetter.received(message)])
    [found] = read_file(tmp_path / "file")
    assert found.message_attributes == binary


@pytest.mark.parametrize(
    "body", ["", "{", "[]", "null", "7", '{"interactions": 7}', '{"interactions": [7]}', "[" * 9999]
)
def test_a_body_of_any_form_has_interactions_or_none(body: str) -> None:
    assert letter(body).interactions == []


def test_of_a_spoilt_interaction_what_is_text_can_be_read() -> None:
    assert spoilt(kind="keep", id=7).texts("kind") == ["keep"]
    assert spoilt(kind="keep", id=7).texts("id") == []


@pytest.mark.parametrize(
    ("found", "alices"),
    [
        (letter(encode(interaction())), True),
        (letter(encode(interaction(user_id=BOB, metadata={"seen": ALICE}))), False),
        (letter(encode(interaction(user_id=BOB), interaction())), True),
        (spoilt(user_id=ALICE), True),
        (spoilt(user_id=7, metadata=ALICE), True),
        (letter(f"{{{ALICE}"), True),
        (letter("{"), False),
    ],
)
def test_a_letter_is_of_the_users_it_names_or_if_it_names_none_of_those_it_mentions(
    found: DeadLetter, *, alices: bool
) -> None:
    assert found.owners({ALICE, "somebody-else"}) == ({ALICE} if alices else set())


def test_an_id_that_could_be_anything_is_of_nobody_unless_it_is_named() -> None:
    assert not letter("{what a mess").owners({"a"})
    assert spoilt(user_id="a").owners({"a"})


@pytest.mark.parametrize(
    ("seconds", "told"), [(0, "0 s"), (59, "59 s"), (3660, "1 h 1 min"), (86_400, "1 d"), (90_061, "1 d 1 h")]
)
def test_an_age_is_told_in_its_largest_units(seconds: int, told: str) -> None:
    assert age(seconds) == told


def test_a_selection_means_what_all_its_filters_mean() -> None:
    keep = letter(encode(interaction("keep", artifact_id=ARTIFACT)), GAVE_UP, NOW - timedelta(hours=1))
    recall = letter(encode(interaction()), "data_error")
    letters = [keep, recall, letter()]
    assert list(Selection().of(letters)) == letters
    assert list(Selection(reasons=(GAVE_UP, "data_error")).of(letters)) == [keep, recall]
    assert list(Selection(kinds=("keep",)).of(letters)) == [keep]
    assert list(Selection(since=NOW).of(letters)) == [recall, letter()]
    assert list(Selection(reasons=("data_error",), kinds=("keep",)).of(letters)) == []


def test_no_letter_is_read_beyond_the_limit() -> None:
    unread = iter([letter(), letter(), letter()])
    assert len(list(Selection(limit=2).of(unread))) == 2
    assert len(list(unread)) == 1


def test_a_file_gives_back_what_was_written_in_parts(tmp_path: Path) -> None:
    letters = [letter("\n\r\u2028{"), spoilt(kind="ü😀"), letter("", GAVE_UP)]
    append_to_file(tmp_path / "file", letters[:2])
    append_to_file(tmp_path / "file", letters[2:])
    assert read_file(tmp_path / "file") == letters
    assert (tmp_path / "file").stat().st_mode & 0o077 == 0


def test_a_last_line_that_was_cut_off_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "file"
    append_to_file(path, [letter("one"), letter("two")])
    path.write_bytes(path.read_bytes()[:-9])
    assert [found.body for found in read_file(path)] == ["one"]


def test_another_file_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "file"
    append_to_file(path, [letter()])
    path.write_text(path.read_text() + "{}\n")
    with pytest.raises(WrongUseError, match="line 2: not a dead letter"):
        read_file(path)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"\xff\xfe\n")
    with pytest.raises(WrongUseError, match="not a file that --discard wrote"):
        read_file(tmp_path / "file")


def test_batches_hold_what_one_call_takes() -> None:
    assert [len(batch) for batch in batches(range(23))] == [10, 10, 3]
    assert list(batches([5, 4, 9, 1], weigh=lambda weight: weight * 100_000)) == [[5, 4], [9], [1]]
    assert list(batches([])) == []


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-05-01", datetime(2026, 5, 1, tzinfo=UTC)),
        ("2026-05-01T12:00", NOW),
        ("2026-05-01T14:00+02:00", NOW),
    ],
)
def test_a_time_is_utc_unless_it_says_otherwise(text: str, moment: datetime) -> None:
    assert Moment().convert(text, None, None) == moment


@pytest.mark.parametrize(("text", "ago"), [("90m", 90), ("12h", 720), ("3d", 4320)])
def test_a_time_may_be_how_long_ago(text: str, ago: int) -> None:
    before = datetime.now(UTC)
    moment = Moment().convert(text, None, None)
    assert before <= moment + timedelta(minutes=ago) <= datetime.now(UTC)


@pytest.mark.parametrize("text", ["yesterday", "999999d", "2026-13-01"])
def test_another_text_is_no_time(text: str) -> None:
    with pytest.raises(click.BadParameter, match="90m"):
        Moment().convert(text, None, None)


def test_an_action_keeps_to_its_rate_and_counts_what_was_not_done() -> None:
    times: list[datetime] = []

    def act(letters: list[DeadLetter]) -> list[DeadLetter]:
        times.append(datetime.now(UTC))
        return letters[:-1]

    action = Action(title="", act=act, rate=50)
    action.apply(letter() for _ in range(30))
    assert times[-1] - times[0] > timedelta(seconds=0.39)
    assert (action.report.count, action.failed) == (27, 3)
