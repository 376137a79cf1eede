"""The times of a corrected message as dates, with what looks wrong: they are microseconds, which nobody can read."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from chalicelib.interaction import EPOCH
from chalicelib.queue import decode

FAR: Final = timedelta(days=365)
AHEAD: Final = timedelta(minutes=5)  # as the view dated_ahead_by_day has it


class MendedTime(NamedTuple):
    """A time that the message names."""

    field: str
    time: datetime
    warning: str = ""


def find_times(body: str) -> Iterator[MendedTime]:
    """Yield the times of each interaction of a body that the worker takes."""
    for number, one in enumerate(decode(body).interactions):
        happened, received = (EPOCH + timedelta(microseconds=time) for time in (one.timestamp, one.received_at))
        yield MendedTime(f"interactions[{number}].timestamp", happened, _warning(happened - received))
        yield MendedTime(f"interactions[{number}].received_at", received)


def _warning(ahead: timedelta) -> str:
    if abs(ahead) > FAR:
        return "more than a year from received_at: is the number in microseconds?"
    if ahead > AHEAD:
        return "after received_at, when the API took it: statistics by day leave it out, as dated ahead"
    return ""
