"""Messages are read in one pass where everything can be read, and interaction by interaction where something cannot."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.interaction import Interaction
from chalicelib.queue import PoisonError, decode, encode
from tests.samples import interaction

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


def message(*interactions: Any, version: Any = 2) -> str:
    return json.dumps({"version": version, "interactions": list(interactions)})


def content(one: Interaction, **changes: Any) -> dict[str, Any]:
    return one.model_dump(mode="json") | changes


@given(metadata=st.dictionaries(TEXT, JSON, max_size=3))
def test_both_ways_of_reading_give_the_same_interactions(metadata: dict[str, Any]) -> None:
    one = interaction(metadata=metadata)
    whole = decode(encode(one))
    beside_a_wrong_one = decode(message(content(one), {"id": "wrong"}))
    assert whole.interactions == beside_a_wrong_one.interactions == [one]
    assert repr(whole.interactions) == repr(beside_a_wrong_one.interactions)  # 1 is not 1.0


@pytest.mark.parametrize("metadata", [{"a": float("nan")}, {"a": [float("-inf")]}], ids=["NaN", "-Infinity"])
def test_an_interaction_whose_metadata_is_no_json_is_refused_by_itself(metadata: dict[str, Any]) -> None:
    good, wrong = interaction(), content(interaction(), metadata=metadata)
    decoded = decode(message(content(good), wrong))
    assert decoded.interactions == [good]
    assert len(decoded.refused) == 1
    with pytest.raises(PoisonError, match="refused"):
        decode(message(wrong))


@pytest.mark.parametrize("version", [True, 1.0, "2"], ids=repr)
def test_a_version_is_a_whole_number(version: Any) -> None:
    with pytest.raises(PoisonError, match="refused"):
        decode(message(content(interaction()), version=version))


def test_a_forged_id_is_replaced_by_that_of_the_content() -> None:
    good = interaction()
    forged = content(good, id="00000000-0000-8000-8000-000000000000")
    assert decode(message(forged)).interactions == [good]


def test_a_message_has_no_spaces_between_its_parts() -> None:
    assert " " not in encode(interaction(metadata={"a": [1, 2]}))
