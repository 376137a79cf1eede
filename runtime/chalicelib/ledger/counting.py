"""Counts the answer to one question by the views, and keeps it if it is about a day that is over."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Any, LiteralString, NamedTuple

import psycopg

from chalicelib.ledger import day_answers, locks
from chalicelib.ledger.questions import OF_SUMS, SUMS, of_sums

SORT_MEMORY = "32MB"  # of a question about all days: more, and some 100,000 names would be sorted on disk
TOP_ROWS = 10
A_DAY_WITHOUT = date(1999, 12, 31)  # interactions: none is taken of before 2000


class Step(NamedTuple):
    """A question, about one day or about all."""

    question: str
    sql: LiteralString
    day: date | None = None
    sums: bool = False
    """Whether it counts what other questions add up, and answers none itself."""

    @property
    def key(self) -> str:
        """What its kept answers are found by."""
        return day_answers.key(self.question, self.sql)

    @property
    def name(self) -> str:
        """What people read."""
        return f"{self.question} of {self.day}" if self.day else self.question


class Counting(NamedTuple):
    """How the views are asked: about which days, and for how long at most."""

    connection: psycopg.Connection
    lived: set[date]
    """Those with interactions."""
    first: date
    last: date
    milliseconds: int

    def again(self, step: Step, known: dict[str, Any] | None) -> tuple[dict[str, Any], bool]:
        """Count, and keep what is of a day that is over; return the answer, and whether a known one was right."""
        day = step.day if step.day and step.day < today() else None
        if step.sums and not day:  # whoever adds it up counts it
            return {}, True
        if step.question in OF_SUMS:
            with self._counting("REPEATABLE READ"):  # what is kept at its beginning stays so
                return self._add_up(step.question), True
        with self._counting():
            if step.sums and day:
                return {}, self._keep_sums(step, day) or known is None
            found = self._ask(step.sql, {"day": step.day})
            if day:
                day_answers.keep(self.connection, step.key, day, found)
            return found, known is None or known == found

    def of_nothing(self, step: Step) -> dict[str, Any]:
        """Return the answer about a day without interactions."""
        if step.sums:
            return {}
        with self._counting():
            return self._ask(step.sql, {"day": A_DAY_WITHOUT})

    def _keep_sums(self, step: Step, day: date) -> bool:
        """Count and keep sums; return whether those that were kept before are the same."""
        before = day_answers.read_sums(self.connection, step.key, day)
        day_answers.keep_sums(self.connection, step.key, day, step.sql)
        return before == day_answers.read_sums(self.connection, step.key, day)

    def _add_up(self, question: str) -> dict[str, Any]:
        """Answer from kept sums; what has none, such as the day that is not over, is counted."""
        key = _SUM_KEYS[OF_SUMS[question][0]]
        kept = {day for _, day in day_answers.read(self.connection, [key], self.first, self.last)}
        uncounted = sorted(self.lived - kept)
        values = {f"day_{number}": day for number, day in enumerate(uncounted)}
        return self._ask(of_sums(question, len(uncounted)), values | {"sums": key})

    def _ask(self, sql: LiteralString, values: dict[str, Any]) -> dict[str, Any]:
        cursor = self.connection.execute(sql, {"since": self.first, "until": self.last, "top": TOP_ROWS} | values)
        columns = [column.name for column in cursor.description or ()]
        return {"columns": columns, "rows": [list(row) for row in cursor]}

    @contextmanager
    def _counting(self, isolation: LiteralString = "READ COMMITTED") -> Iterator[None]:
        with self.connection.transaction():
            self.connection.execute(f"SET TRANSACTION ISOLATION LEVEL {isolation}")
            limits = "SELECT set_config('statement_timeout', %s, true), set_config('work_mem', %s, true)"
            self.connection.execute(limits, [str(self.milliseconds), SORT_MEMORY])
            locks.share(self.connection, locks.ANSWERS)
            yield


_SUM_KEYS = {question: day_answers.key(question, sql) for question, sql in SUMS.items()}


def today() -> date:
    """Return the day that is not over, in UTC."""
    return datetime.now(UTC).date()
