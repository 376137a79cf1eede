"""A wrong request is refused in words that say what to change; a sound one becomes an interaction."""

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.api.payload import parse
from chalicelib.api.strict_json import RefusedError
from chalicelib.queue import encode
from tests.samples import ALICE, ARTIFACT, EVENT, NOW, interaction, payload


def nested(levels: int) -> dict[str, Any]:
    return {"a": nested(levels - 1)} if levels > 1 else {}


TIMESTAMP = "timestamp: must be seconds or milliseconds since 1970, or ISO 8601 with an offset (2024-05-01T12:00:00Z)"
RANGE = "timestamp: must lie between the year 2000 and a day from now"
KINDS = "kind: must be one of recall, workspace, peel, keep, mark_good, mark_bad"
ARTIFACT_FORM = "artifact_id: must be a string of 1 to 256 characters"
UNSTORABLE = "holds a NUL character or half of a surrogate pair"

REFUSED_FIELDS = [
    ({"kind": "peal"}, KINDS),
    ({"kind": None}, KINDS),
    ({"kind": "peel"}, "artifact_id: required for kind 'peel'"),
    ({"kind": "keep", "artifact_id": None}, "artifact_id: required for kind 'keep'"),
    ({"artifact_id": ""}, ARTIFACT_FORM),
    ({"artifact_id": "x" * 257}, ARTIFACT_FORM),
    ({"artifact_id": 7}, ARTIFACT_FORM),
    ({"artifact_id": "a\0"}, f"artifact_id: {UNSTORABLE}"),
    ({"artifact_id": "a\ud800"}, "artifact_id: holds half of a surrogate pair"),
    ({"event_id": "d3aac781"}, "event_id: must be a UUID such as d3aac781-5229-5aa4-997e-6705b4971007"),
    ({"event_id": 7}, "event_id: must be a UUID such as d3aac781-5229-5aa4-997e-6705b4971007"),
    ({"metadata": []}, "metadata: must be an object or null"),
    ({"metadata": "{}"}, "metadata: must be an object or null"),
    ({"metadata": {"a": ["\0"]}}, f"metadata: {UNSTORABLE}"),
    ({"metadata": {"\udfff": 1}}, f"metadata: {UNSTORABLE}"),
    ({"metadata": nested(65)}, "metadata: nested more than 64 levels deep"),
    ({"timestamp": None}, TIMESTAMP),
    ({"timestamp": True}, TIMESTAMP),
    ({"timestamp": "yesterday"}, TIMESTAMP),
    ({"timestamp": "2024-05-01T12:00:00"}, TIMESTAMP),
    ({"timestamp": "2024-05-01"}, TIMESTAMP),
    ({"timestamp": 1e300}, TIMESTAMP),
    ({"timestamp": 946_684_799}, RANGE),
    ({"timestamp": (NOW + timedelta(days=1, seconds=1)).timestamp()}, RANGE),
    ({"timestamp": -1}, RANGE),
    ({"tiemstamp": 1}, "tiemstamp: unknown field"),
]


@pytest.mark.parametrize(("fields", "message"), REFUSED_FIELDS, ids=lambda value: json.dumps(value)[:60])
def test_a_wrong_field_is_named(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(RefusedError) as refusal:
        parse(json.dumps(payload() | fields).encode(), user_id=ALICE, now=NOW)
    assert str(refusal.value) == message


REFUSED_BODIES = [
    (b"", "the body is not JSON: Expecting value at line 1 column 1"),
    (b"{", "the body is not JSON: Expecting property name enclosed in double quotes at line 1 column 2"),
    (b"[]", "the body must be a JSON object"),
    (b"null", "the body must be a JSON object"),
    (b"\xff", "the body is not UTF-8"),
    (b'{"kind": "recall", "kind": "recall"}', "kind: given twice"),
    (b'{"metadata": {"a": 1, "a": 2}}', "a: given twice"),
    (b'{"timestamp": NaN}', "NaN: not a JSON number"),
    (b'{"timestamp": -Infinity}', "-Infinity: not a JSON number"),
    (b'{"metadata": {"a": 1e309}}', "a number is beyond the range of a double"),
    (b'{"metadata": {"a": ' + b"9" * 309 + b"}}", "a number is beyond the range of a double"),
    (b'{"metadata": {"a": ' + b"9" * 200_000 + b"}}", "a number is beyond the range of a double"),
    (b"[" * 200_000, "metadata: nested more than 64 levels deep"),
    (b'{"\\ud800": 1}', "the body: holds half of a surrogate pair"),
]


@pytest.mark.parametrize(("raw", "message"), REFUSED_BODIES, ids=lambda value: str(value)[:40])
def test_a_body_that_is_not_sound_json_is_refused(raw: bytes, message: str) -> None:
    with pytest.raises(RefusedError) as refusal:
        parse(raw, user_id=ALICE, now=NOW)
    assert str(refusal.value) == message


def test_every_wrong_field_is_named_at_once() -> None:
    with pytest.raises(RefusedError) as refusal:
        parse(b'{"kind": "peel", "event_id": "x", "when": 1}', user_id=ALICE, now=NOW)
    assert [problem.partition(":")[0] for problem in str(refusal.value).split("; ")] == [
        "artifact_id",
        "event_id",
        "timestamp",
        "when",
    ]


def test_a_flood_of_wrong_fields_gets_a_short_answer() -> None:
    with pytest.raises(RefusedError, match=r"and 490 more$") as refusal:
        parse(
            json.dumps(payload() | {f"{number}" * 99: 1 for number in range(100, 600)}).encode(), user_id=ALICE, now=NOW
        )
    assert len(str(refusal.value)) < 1000


@pytest.mark.parametrize(
    ("timestamp", "microseconds"),
    [
        (1_700_000_000, 1_700_000_000_000_000),
        (1_700_000_000.123456, 1_700_000_000_123_456),
        (1_700_000_000_123, 1_700_000_000_123_000),  # JavaScript's Date.now()
        (1_700_000_000_123.5, 1_700_000_000_123_500),
        ("2023-11-14T22:13:20.123456+00:00", 1_700_000_000_123_456),
        ("2023-11-14T23:13:20.123+01:00", 1_700_000_000_123_000),
        ("2023-11-14T22:13:20Z", 1_700_000_000_000_000),
        (946_684_800, 946_684_800_000_000),
    ],
)
def test_a_timestamp_may_have_any_of_its_forms(timestamp: float | str, microseconds: int) -> None:
    assert interaction(timestamp=timestamp).timestamp == microseconds


def test_metadata_may_be_64_levels_deep() -> None:
    assert interaction(metadata=nested(64)).metadata == nested(64)


def test_an_event_id_may_be_any_uuid_and_is_lowered() -> None:
    assert interaction(event_id=EVENT.upper()).event_id == EVENT


@pytest.mark.parametrize("kind", ["peel", "keep", "mark_good", "mark_bad"])
def test_what_touches_an_artifact_may_come_without_an_event(kind: str) -> None:
    assert interaction(kind, artifact_id=ARTIFACT).event_id


def test_a_recall_may_name_an_artifact() -> None:
    assert interaction(artifact_id=ARTIFACT).artifact_id == ARTIFACT


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    with pytest.raises(RefusedError):
        parse(raw, user_id=ALICE, now=NOW)


@pytest.mark.parametrize("filler", ['"é"', "1e15", '"\\u0001"', '"😀"', "1E5", '"\x7f"'])
def test_the_largest_request_fits_into_a_message(filler: str) -> None:
    head = json.dumps(payload("peel", artifact_id="\ue000" * 256))[:-1] + ', "metadata": {"a": ['
    count = (256 * 1024 - len(head.encode()) - 4) // (len(filler.encode()) + 1)
    raw = (head + ",".join([filler] * count) + "]}}").encode()
    assert 255 * 1024 < len(raw) <= 256 * 1024
    assert len(encode(parse(raw, user_id=ALICE, now=NOW))) < 1024 * 1024
