"""The device's clock, corrected by what the server's answers say."""

import os
import threading
import time
from email.utils import parsedate_to_datetime
from typing import NamedTuple

VALID_SECONDS = 3600.0
IGNORED_SECONDS = 2.0  # a server's Date has whole seconds, and what follows must not seem to come before
YEAR_2000 = 946_684_800.0  # the API refuses earlier times

_STAMPING = threading.Lock()
# No child is born while a thread of its parent, which it will not have, holds the lock.
os.register_at_fork(before=_STAMPING.acquire, after_in_parent=_STAMPING.release, after_in_child=_STAMPING.release)


class Measured(NamedTuple):
    """The server's clock less the device's, in seconds, and when that was measured, by the device's clock."""

    offset: float
    at: float


class Clock:
    """Gives times in seconds since 1970.

    A measurement holds for one hour of the device's clock, so a clock that somebody sets is noticed unless it moves by
    less than that.
    """

    def __init__(self) -> None:
        self._measured: Measured | None = None
        self._last_us = 0

    def restore(self, measured: Measured | None) -> None:
        """Use what an earlier process measured."""
        self._measured = self._measured or measured

    @property
    def is_known(self) -> bool:
        """Whether there is a measurement that holds."""
        return self._measured is not None and 0 <= time.time() - self._measured.at < VALID_SECONDS

    @property
    def now(self) -> float:
        """The current time by the server's clock."""
        return time.time() + self._offset

    def learn(self, date: str | None, sent_at: float) -> Measured:
        """Learn from the Date of an answer to a request that was sent then. Without a date the clock is right."""
        at = time.time()
        middle = (sent_at + at) / 2
        offset = _seconds(date, middle) - middle
        if abs(offset - self._offset) < IGNORED_SECONDS:
            offset = self._offset
        self._measured = Measured(offset, at)
        return self._measured

    def stamp(self) -> float:
        """Return the device's time; two calls never return the same, which would be one interaction."""
        with _STAMPING:
            now_us = time.time_ns() // 1000
            is_repeated = now_us <= self._last_us < now_us + 1000
            self._last_us = self._last_us + 1 if is_repeated else now_us
            return self._last_us / 1e6

    def correct(self, stamp: float) -> float:
        """Return a stamp by the server's clock. What cannot be true (in the future, before 2000) becomes now."""
        corrected = stamp + self._offset
        is_possible = YEAR_2000 <= corrected <= self.now + IGNORED_SECONDS
        return round(corrected if is_possible else self.now, 6)

    @property
    def _offset(self) -> float:
        return self._measured.offset if self._measured else 0.0


def _seconds(date: str | None, default: float) -> float:
    try:
        return parsedate_to_datetime(date or "").timestamp() + 0.5  # it is cut to its second
    except ValueError:
        return default
