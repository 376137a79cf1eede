"""Expected elements are compared with actual ones, each counted once."""

import json

import pytest

from chalicelib.verification.actual import Element
from chalicelib.verification.diff import compare

KEY = json.dumps(["PEEL", "1"])


def content(**properties: int) -> str:
    return json.dumps({"properties": properties})


def test_the_same_on_both_sides_is_no_difference() -> None:
    found = compare({KEY: content()}, [Element(KEY, content())])
    assert found.none
    assert found.ledger == found.graph == Element(KEY, content()).digest


def test_of_two_equal_elements_one_is_extra() -> None:
    found = compare({KEY: content()}, [Element(KEY, content(), "first"), Element(KEY, content(), "second")])
    assert found.counts() == {"missing": 0, "extra": 1, "different": 0}
    assert [element.handle for element in found.unexpected] == ["second"]
    assert found.examples(1) == [{"what": "extra", "element": ["PEEL", "1"]}]


def test_an_expected_element_that_the_graph_lacks_is_missing() -> None:
    assert compare({KEY: content()}, []).counts() == {"missing": 1, "extra": 0, "different": 0}


def test_an_element_with_other_content_is_different_and_its_values_are_not_shown() -> None:
    found = compare({KEY: content(a=1, b=2)}, [Element(KEY, content(a=1, b=3))])
    assert found.counts() == {"missing": 0, "extra": 0, "different": 1}
    assert found.examples(9) == [{"what": "different", "element": ["PEEL", "1"], "in": ["b"]}]


@pytest.mark.parametrize("wrong_first", [True, False])
def test_a_right_element_beside_a_wrong_one_leaves_only_the_wrong_one_to_delete(*, wrong_first: bool) -> None:
    right, wrong = Element(KEY, content(a=1), "right"), Element(KEY, content(a=2), "wrong")
    found = compare({KEY: content(a=1)}, [wrong, right] if wrong_first else [right, wrong])
    assert found.counts() == {"missing": 0, "extra": 1, "different": 0}
    assert [element.handle for element in found.unexpected] == ["wrong"]


def test_all_missing_and_all_extra_elements_are_named_and_summed() -> None:
    keys = [json.dumps(["PEEL", str(number)]) for number in range(4)]
    expected = {key: content() for key in keys[:2]} | {KEY: content()}
    actual = [Element(key, content(), key) for key in (keys[2], keys[3])]
    found = compare(expected, [*actual, Element(KEY, content())])
    assert found.counts() == {"missing": 1, "extra": 2, "different": 0}
    assert found.missing == [keys[0]]
    assert found.ledger == sum(Element(key, content()).digest for key in (keys[0], KEY))
    assert found.graph == sum(element.digest for element in actual) + Element(KEY, content()).digest
    assert not found.none


def test_examples_are_of_each_sort_and_no_more_than_asked_for() -> None:
    missing, different, extra = (json.dumps(["KEEP", name]) for name in "abc")
    found = compare(
        {missing: content(), different: content(a=1)}, [Element(different, content(b=1)), Element(extra, content())]
    )
    shown = [
        {"what": "different", "element": ["KEEP", "b"], "in": ["a", "b"]},
        {"what": "missing", "element": ["KEEP", "a"]},
        {"what": "extra", "element": ["KEEP", "c"]},
    ]
    assert [found.examples(limit) for limit in range(4)] == [shown[:limit] for limit in range(4)]


def test_where_an_edge_ends_is_among_the_names_of_what_differs() -> None:
    ends = [json.dumps({"properties": {}, "end": ["Artifact", end]}) for end in "ab"]
    assert compare({KEY: ends[0]}, [Element(KEY, ends[1])]).examples(1)[0]["in"] == ["end"]


def test_what_comes_after_a_right_element_is_compared_too() -> None:
    other = json.dumps(["PEEL", "2"])
    assert compare({KEY: content(), other: content()}, [Element(KEY, content())]).missing == [other]
