"""A wrong body is refused with a message that says what to change; a valid one becomes an interaction."""

import gzip
import json
import re
from codecs import BOM_UTF8
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.api.payload import PostPayload, parse
from chalicelib.api.strict_json import RefusedError
from chalicelib.queue import encode
from tests.samples import ALICE, ARTIFACT, EVENT, NOW, body, interaction, payload


def nested(levels: int) -> dict[str, Any]:
    return {"a": nested(levels - 1)} if levels > 1 else {}


TIMESTAMP = "timestamp: must be seconds or milliseconds since 1970, or ISO 8601 with an offset (2024-05-01T12:00:00Z)"
RANGE = "timestamp: must be between the year 2000 and one day from now"
KINDS = "kind: must be one of recall, workspace, peel, keep, mark_good, mark_bad, unkeep, unmark"
ARTIFACT_FORM = "artifact_id: must be a string of 1 to 256 characters"
OUR_MESSAGES = (
    r"[a-z_]+: (must be .*|required.*|contains .*|nested .*|given twice)"
    r"|-?(NaN|Infinity): not a JSON number|a number is outside the range of a double"
)
NUL, SURROGATE = "contains a NUL character", "contains half of a surrogate pair"

REFUSED_FIELDS = [
    ({"kind": "peal"}, KINDS),
    ({"kind": None}, KINDS),
    ({"kind": "peel"}, "artifact_id: required for kind 'peel'"),
    ({"kind": "keep", "artifact_id": None}, "artifact_id: required for kind 'keep'"),
    ({"artifact_id": ""}, ARTIFACT_FORM),
    ({"artifact_id": "x" * 257}, ARTIFACT_FORM),
    ({"artifact_id": 7}, ARTIFACT_FORM),
    ({"artifact_id": "a\0"}, f"artifact_id: {NUL}"),
    ({"artifact_id": "a\ud800"}, f"artifact_id: {SURROGATE}"),
    ({"event_id": "d3aac781"}, "event_id: must be a UUID such as d3aac781-5229-5aa4-997e-6705b4971007"),
    ({"event_id": 7}, "event_id: must be a UUID such as d3aac781-5229-5aa4-997e-6705b4971007"),
    ({"metadata": []}, "metadata: must be an object or null"),
    ({"metadata": "{}"}, "metadata: must be an object or null"),
    ({"metadata": {"a": ["\0"]}}, f"metadata: {NUL}"),
    ({"metadata": {"\udfff": 1}}, f"metadata: {SURROGATE}"),
    ({"metadata": nested(65)}, "metadata: nested more than 64 levels deep"),
    ({"timestamp": None}, TIMESTAMP),
    ({"timestamp": "2024-05-01T12:00:00"}, TIMESTAMP),
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
    (b"", "the body is not JSON: see line 1, column 1"),
    (b"{", "the body is not JSON: see line 1, column 2"),
    (b"[]", "the body must be a JSON object"),
    (b"null", "the body must be a JSON object"),
    (b"\xff", "the body is not UTF-8"),
    ('{"metadata": {"city": "Zürich"}}'.encode("latin-1"), "the body is not UTF-8"),
    ("{}".encode("utf-16"), "the body is not UTF-8"),
    (BOM_UTF8 * 2 + b"{}", "the body is not JSON: see line 1, column 1"),
    (gzip.compress(b"{}"), "the body is compressed with gzip: send the header Content-Encoding: gzip"),
    (b'{"kind": "recall", "kind": "recall"}', "kind: given twice"),
    (b'{"metadata": {"a": 1, "a": 2}}', "a: given twice"),
    (b'{"timestamp": NaN}', "NaN: not a JSON number"),
    (b'{"timestamp": -Infinity}', "-Infinity: not a JSON number"),
    (b'{"metadata": {"a": 1e309}}', "a number is outside the range of a double"),
    (b'{"metadata": {"a": ' + b"9" * 309 + b"}}", "a number is outside the range of a double"),
    (b'{"metadata": {"a": ' + b"9" * 200_000 + b"}}", "a number is outside the range of a double"),
    (b"[" * 200_000, "metadata: nested more than 64 levels deep"),
    (b'{"\\ud800": 1}', "the body: contains half of a surrogate pair"),
]


@pytest.mark.parametrize(("raw", "message"), REFUSED_BODIES, ids=lambda value: str(value)[:40])
def test_a_body_that_is_not_strict_json_is_refused(raw: bytes, message: str) -> None:
    with pytest.raises(RefusedError) as refusal:
        parse(raw, user_id=ALICE, now=NOW)
    assert str(refusal.value) == message


def test_a_byte_order_mark_is_ignored() -> None:
    assert parse(BOM_UTF8 + body(), user_id=ALICE, now=NOW) == interaction()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(sorted(payload(artifact_id=None, event_id=None, metadata=None))), json_values)
def test_no_message_is_a_librarys(field: str, value: Any) -> None:
    raw = json.dumps(payload("peel", artifact_id=ARTIFACT) | {field: value}).encode()
    try:
        parse(raw, user_id=ALICE, now=NOW)
    except RefusedError as refusal:
        assert re.fullmatch(OUR_MESSAGES, str(refusal))  # noqa: PT017  most values are refused, not all


def test_every_wrong_field_is_named() -> None:
    with pytest.raises(RefusedError) as refusal:
        parse(b'{"kind": "peel", "event_id": "x", "when": 1}', user_id=ALICE, now=NOW)
    assert [problem.partition(":")[0] for problem in str(refusal.value).split("; ")] == [
        "artifact_id",
        "event_id",
        "timestamp",
        "when",
    ]


def test_many_wrong_fields_get_a_short_answer() -> None:
    with pytest.raises(RefusedError, match=r"and 490 more$") as refusal:
        parse(
            json.dumps(payload() | {f"{number}" * 99: 1 for number in range(100, 600)}).encode(), user_id=ALICE, now=NOW
        )
    assert len(str(refusal.value)) < 1000


@pytest.mark.parametrize("timestamp", [946_684_800, (NOW + timedelta(days=1)).timestamp()])
def test_a_timestamp_may_be_at_either_end_of_the_range(timestamp: float) -> None:
    assert interaction(timestamp=timestamp).timestamp == timestamp * 10**6


def test_metadata_may_be_64_levels_deep() -> None:
    assert interaction(metadata=nested(64)).metadata == nested(64)


def test_an_event_id_is_any_uuid_in_lower_case() -> None:
    assert interaction(event_id=EVENT.upper()).event_id == EVENT


@pytest.mark.parametrize("kind", ["peel", "keep", "mark_good", "mark_bad", "unkeep", "unmark"])
def test_every_kind_may_come_without_an_event(kind: str) -> None:
    assert interaction(kind, artifact_id=ARTIFACT).event_id


def test_a_recall_may_name_an_artifact() -> None:
    assert interaction(artifact_id=ARTIFACT).artifact_id == ARTIFACT


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_other_bytes_are_refused(raw: bytes) -> None:
    with pytest.raises(RefusedError):
        parse(raw, user_id=ALICE, now=NOW)


@pytest.mark.parametrize("filler", ['"é"', "1e15", '"\\u0001"', '"😀"', "1E5", '"\x7f"'])
def test_the_largest_request_fits_into_a_message(filler: str) -> None:
    head = json.dumps(payload("peel", artifact_id="\ue000" * 256))[:-1] + ', "metadata": {"a": ['
    count = (256 * 1024 - len(head.encode()) - 4) // (len(filler.encode()) + 1)
    raw = (head + ",".join([filler] * count) + "]}}").encode()
    assert 255 * 1024 < len(raw) <= 256 * 1024
    assert len(encode(parse(raw, user_id=ALICE, now=NOW)).encode()) < 1024 * 1024


def test_the_schema_says_for_which_kinds_an_artifact_is_required() -> None:
    schema = PostPayload.model_json_schema()
    touching = {"enum": ["peel", "keep", "mark_good", "mark_bad", "unkeep", "unmark"]}
    assert schema["if"] == {"properties": {"kind": touching}}
    assert schema["then"] == {"properties": {"artifact_id": {"type": "string"}}, "required": ["artifact_id"]}
