"""What a comparison of one user counts as its memory is no less than it takes."""

import tracemalloc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID, uuid4

import pytest

from chalicelib.ledger import pages
from chalicelib.ledger.pages import GraphRow
from chalicelib.verification import actual, diff, user
from stacks.config.options import MEMORY_MB
from tests.samples import ALICE, EVENT, NOW

if TYPE_CHECKING:
    import psycopg

ROWS = 500
OWN_MB = 150  # of the function without a comparison: measured


def rows(*, wide: bool) -> Iterator[GraphRow]:
    """Yield edges of one event to one artifact, or `wide` ones: each with an event and an artifact, and long texts."""
    event = UUID(EVENT)
    text = "\U0001f600" * 60
    for number in range(ROWS):
        metadata = f'{{"k": "{text}"}}' if wide else None
        yield GraphRow(
            uuid4(),
            ALICE,
            uuid4() if wide else event,
            "keep",
            f"{text}{number:04}" if wide else "a",
            metadata,
            len(metadata.encode()) if metadata else None,
            NOW,
        )


@pytest.mark.parametrize("wide", [False, True])
def test_a_comparison_of_all_that_is_counted_fits_the_operations_function(
    monkeypatch: pytest.MonkeyPatch, *, wide: bool
) -> None:
    def for_graph(_connection: object, _users: Sequence[str]) -> Iterator[GraphRow]:
        return rows(wide=wide)

    monkeypatch.setattr(pages, "for_graph", for_graph)
    with measured() as taken:
        wanted, ids = user._expected(cast("psycopg.Connection", None), ALICE)  # noqa: SLF001
        elements = [(key, content) for key, content in wanted.items()]
        counted = sum(user.ELEMENT_BYTES + len(key) + len(content) for key, content in elements)
        del elements
        assert (len(ids), taken() < counted) == (ROWS, True)
        # The other side, of which every element differs.
        found = [
            actual.Element("".join(key), content.replace(ALICE, "somebody"), f"4:{uuid4()}:{number}")
            for number, (key, content) in enumerate(wanted.items())
        ]
        differences = diff.compare(wanted, found)
        assert differences.counts()["different"] > ROWS / 2
        assert OWN_MB + user.MAX_SIDE_BYTES / 1e6 * taken() / counted < MEMORY_MB["Operations"]


@contextmanager
def measured() -> Iterator[Any]:
    """Measure the memory that is taken in the block."""
    tracemalloc.start()
    try:
        yield lambda: tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
