"""The days that the statistics are about."""

from datetime import date, timedelta
from typing import NamedTuple, Self


class Period(NamedTuple):
    """Days of UTC, the last one included, and the kind that the charts by kind are narrowed to."""

    since: date
    until: date
    kind: str = ""

    @classmethod
    def last(cls, days: int, until: date, kind: str = "") -> Self:
        """Return so many days that end with this one."""
        return cls(until - timedelta(days=days - 1), until, kind)

    @property
    def days(self) -> int:
        """How many; 0 if nothing but today is left out of today."""
        return (self.until - self.since).days + 1

    @property
    def before(self) -> "Period":
        """As many days before it, at least one."""
        return Period.last(max(1, self.days), self.since - timedelta(days=1), self.kind)

    def finished(self, today: date) -> "Period":
        """Return it without today, which would be compared with whole days."""
        return self._replace(until=max(min(self.until, today - timedelta(days=1)), self.since - timedelta(days=1)))
