"""What of metadata becomes a property, and what stays JSON, to the character."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.interaction import GRAPH_METADATA_BYTES, GRAPH_QUERY_BYTES, Kind
from chalicelib.projection.properties import of_opening, of_touch

RECALL, PEEL = Kind.RECALL, Kind.PEEL


def of_metadata(kind: Kind, metadata: str | None) -> dict[str, Any]:
    """Return the properties, absent ones as None."""
    absent = {"metadata": None, "query" if kind.opens else "position": None}
    return absent | (of_opening if kind.opens else of_touch)(metadata)


@pytest.mark.parametrize(
    ("kind", "metadata", "held"),
    [
        (RECALL, None, {"metadata": None, "query": None}),
        (RECALL, "{}", {"metadata": "{}", "query": None}),
        (RECALL, '{"query": "a"}', {"metadata": None, "query": "a"}),
        (Kind.WORKSPACE, '{"query": "a"}', {"metadata": None, "query": "a"}),
        (RECALL, '{"k": 1.10, "query": "a", "results": []}', {"metadata": '{"k": 1.10, "results": []}', "query": "a"}),
        (RECALL, '{"query": "a", "results": []}', {"metadata": '{"results": []}', "query": "a"}),
        (RECALL, '{"k": {"query": "b"}, "query": "a"}', {"metadata": '{"k": {"query": "b"}}', "query": "a"}),
        (RECALL, '{"k": {"query": "b"}}', {"metadata": '{"k": {"query": "b"}}', "query": None}),
        (RECALL, '{"k": "\\"query\\": ", "n": 1}', {"metadata": '{"k": "\\"query\\": ", "n": 1}', "query": None}),
        (RECALL, '{"position": 1}', {"metadata": '{"position": 1}', "query": None}),
        (PEEL, '{"position": 3}', {"metadata": None, "position": 3}),
        (PEEL, '{"position": 3.0}', {"metadata": None, "position": 3}),
        (PEEL, '{"query": "a"}', {"metadata": '{"query": "a"}', "position": None}),
        *(
            (RECALL, f'{{"query": {odd}}}', {"metadata": f'{{"query": {odd}}}', "query": None})
            for odd in ("1", "null", '""')
        ),
        *(
            (PEEL, f'{{"position": {odd}}}', {"metadata": f'{{"position": {odd}}}', "position": None})
            for odd in ("0", "-1", "2.5", "10001", "true", '"1"', "1e300")
        ),
    ],
)
def test_a_documented_key_of_the_right_type_is_a_property(
    kind: Kind, metadata: str | None, held: dict[str, Any]
) -> None:
    assert of_metadata(kind, metadata) == held


@pytest.mark.parametrize(("length", "is_property"), [(GRAPH_QUERY_BYTES, True), (GRAPH_QUERY_BYTES + 1, False)])
def test_a_long_query_stays_in_the_json(length: int, *, is_property: bool) -> None:
    text = json.dumps({"query": "q" * length})
    query = "q" * length if is_property else None
    assert of_metadata(RECALL, text) == {"metadata": None if query else text, "query": query}


def test_the_query_of_a_recall_with_many_results_is_a_property_all_the_same() -> None:
    text = json.dumps({"query": "a", "results": ["r" * 36] * 200})
    held = of_metadata(RECALL, text)
    assert held == {"metadata": f'{{"only_in_ledger_bytes": {len(text)}}}', "query": "a"}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 20_000) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["query", "position", "k"]), inner),
    max_leaves=6,
)


@given(
    st.sampled_from([RECALL, PEEL]), st.dictionaries(st.sampled_from(["k", "query", "position", '"x"']), json_values)
)
def test_a_property_and_the_rest_are_the_whole(kind: Kind, metadata: dict[str, Any]) -> None:
    name = "query" if kind.opens else "position"
    held = of_metadata(kind, json.dumps(metadata, ensure_ascii=False))
    rest = json.loads(held["metadata"]) if held["metadata"] else {}
    assert rest | ({} if held[name] is None else {name: held[name]}) == metadata
    assert sum(len(str(value).encode()) for value in held.values() if value is not None) <= GRAPH_METADATA_BYTES
