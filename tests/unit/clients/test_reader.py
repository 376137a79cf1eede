"""The reader gives its password only to a graph that proves who it is, and asks for a bounded number of words."""

from collections.abc import Callable
from typing import Any

import pytest

from interaction_reader import AsyncReader, Reader, questions


@pytest.mark.parametrize("scheme", ["bolt", "neo4j", "bolt+ssc", "neo4j+ssc"])
@pytest.mark.parametrize("reader", [Reader, AsyncReader])
def test_a_graph_elsewhere_must_prove_who_it_is(reader: type[Reader | AsyncReader], scheme: str) -> None:
    with pytest.raises(ValueError, match="must prove who it is") as refusal:
        reader(f"{scheme}://graph.example:7687", "neo4j", "secret")
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize("uri", ["neo4j+s://graph.example", "bolt+s://graph.example", "bolt://127.0.0.1:7687"])
def test_a_certificate_of_its_name_is_a_proof_and_this_machine_needs_none(uri: str) -> None:
    Reader(uri, "neo4j", "secret").close()


@pytest.mark.parametrize("ask", [questions.kept_near, questions.similar_recalls])
def test_of_a_query_so_many_different_words_are_looked_for_and_no_more(
    ask: Callable[..., questions.Question[Any]],
) -> None:
    words = [f"word{i}" for i in range(1000)]
    assert ask("u", "Invoice " * 1000 + " ".join(words)).parameters["words"] == ["invoice", *words[:31]]
