"""Messages are sent in batches that fit into one call."""

from scripts.dlq.queue import batches


def test_a_batch_fits_into_one_call() -> None:
    assert [len(batch) for batch in batches(range(23))] == [10, 10, 3]
    assert list(batches([5, 4, 9, 1], size_bytes=lambda number: number * 100_000)) == [[5, 4], [9], [1]]
    assert list(batches([])) == []
