"""The times of a corrected dead letter: a number in another unit, or ahead of its arrival, is warned of."""

import json

import pytest

from chalicelib.queue import encode
from console.mended_times import find_times
from tests.samples import ARTIFACT, interaction

RECEIVED = 1_780_000_000_000_000  # 28 May 2026, 20:26:40 UTC


@pytest.mark.parametrize(
    ("timestamp", "shown", "warning"),
    [
        (RECEIVED - 60_000_000, "2026-05-28 20:25:40", ""),
        (RECEIVED + 299_000_000, "2026-05-28 20:31:39", ""),
        (RECEIVED + 301_000_000, "2026-05-28 20:31:41", "statistics by day leave it out"),
        (RECEIVED // 1_000_000, "1970-01-01 00:29:40", "is the number in microseconds?"),
        (RECEIVED - 366 * 86_400_000_000, "2025-05-27 20:26:40", "is the number in microseconds?"),
    ],
)
def test_each_time_is_a_date_and_a_strange_one_is_warned_of(timestamp: int, shown: str, warning: str) -> None:
    message = json.loads(encode(interaction("keep", artifact_id=ARTIFACT)))
    message["interactions"][0] |= {"timestamp": timestamp, "received_at": RECEIVED}
    happened, received = find_times(json.dumps(message))
    assert (happened.field, f"{happened.time:%Y-%m-%d %H:%M:%S}") == ("interactions[0].timestamp", shown)
    assert warning in happened.warning
    assert bool(warning) == bool(happened.warning)
    assert (received.field, f"{received.time:%Y-%m-%d %H:%M:%S}") == (
        "interactions[0].received_at",
        "2026-05-28 20:26:40",
    )
