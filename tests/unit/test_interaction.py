"""Ids depend on the content alone, and stay the same in every release."""

import itertools
import json
import uuid
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.interaction import Kind, canonical, derive_event_id, derive_id, microseconds, to_datetime
from chalicelib.queue import decode, encode
from tests.samples import ALICE, ARTIFACT, BOB, EVENT, interaction

GOLDEN = json.loads((Path(__file__).parent / "golden_ids.json").read_text())

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
metadata = st.none() | st.dictionaries(st.text(), values, max_size=4)


@pytest.mark.parametrize("vector", GOLDEN, ids=lambda vector: vector["why"])
def test_ids_are_those_of_earlier_releases(vector: dict[str, Any]) -> None:
    content = vector["content"] | {"kind": Kind(vector["content"]["kind"])}
    event_id = content.pop("event_id") or derive_event_id(**content)
    assert (event_id, derive_id(event_id=event_id, **content)) == (vector["event_id"], vector["id"])


def test_an_id_is_a_version_8_uuid_with_the_time_first() -> None:
    one = interaction(timestamp=1_700_000_000.123456)
    assert uuid.UUID(one.id).version == 8
    assert uuid.UUID(one.id).variant == uuid.RFC_4122
    assert uuid.UUID(one.id).int >> 80 == 1_700_000_000_123


def test_a_derived_event_id_is_a_version_5_uuid() -> None:
    assert uuid.UUID(interaction().event_id).version == 5


def test_posting_again_with_the_returned_event_id_changes_nothing() -> None:
    first = interaction("peel", artifact_id=ARTIFACT)
    assert interaction("peel", artifact_id=ARTIFACT, event_id=first.event_id.upper()) == first


def test_every_field_changes_the_id() -> None:
    variants = [
        interaction("peel", artifact_id=ARTIFACT, event_id=EVENT),
        interaction("peel", artifact_id=ARTIFACT, event_id=EVENT, user_id=BOB),
        interaction("keep", artifact_id=ARTIFACT, event_id=EVENT),
        interaction("peel", artifact_id="another", event_id=EVENT),
        interaction("peel", artifact_id=ARTIFACT, event_id=EVENT.replace("d3", "d4")),
        interaction("peel", artifact_id=ARTIFACT, event_id=EVENT, timestamp=1_700_000_000),
        *[
            interaction("peel", artifact_id=ARTIFACT, event_id=EVENT, metadata=metadata)
            for metadata in ({}, {"a": 1}, {"a": 1.0}, {"a": True}, {"a": "1"}, {"a": None}, {"é": 1}, {"e\u0301": 1})
        ],
    ]
    assert len({one.id for one in variants}) == len(variants)


@given(metadata, metadata)
def test_different_contents_have_different_canonical_texts(
    one: dict[str, Any] | None, other: dict[str, Any] | None
) -> None:
    texts = [
        canonical(user_id=ALICE, kind=Kind.RECALL, event_id=None, artifact_id=None, timestamp=0, metadata=metadata)
        for metadata in (one, other)
    ]
    assert (texts[0] == texts[1]) == (_exact(one) == _exact(other))


def _exact(value: Any) -> Any:
    """Make 1, 1.0 and True different, and 0.0 and -0.0, which Python's == does not."""
    if isinstance(value, dict):
        return {key: _exact(inner) for key, inner in value.items()}
    return [_exact(inner) for inner in value] if isinstance(value, list) else (type(value), repr(value))


def test_the_order_of_keys_changes_nothing() -> None:
    orders = itertools.permutations({"a": 1, "b": {"c": 2, "d": 3}, "e": []}.items())
    assert len({interaction(metadata=dict(order)).id for order in orders}) == 1


@given(st.integers(min_value=946_684_800_000_000, max_value=4_102_444_800_000_000))
def test_microseconds_survive_a_round_trip(value: int) -> None:
    assert microseconds(to_datetime(value)) == value


@given(metadata.filter(lambda m: "\\u0000" not in json.dumps(m)))
def test_an_interaction_survives_encoding(metadata: dict[str, Any] | None) -> None:
    one = interaction(metadata=_within_double(metadata))
    assert decode(encode(one)) == ([one], [])


def _within_double(metadata: Any) -> Any:
    return json.loads(json.dumps(metadata), parse_int=lambda text: int(text[:300]))
