"""The questions of `stats`, answered by SQL in shares that fit one call of a function."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any, LiteralString, NamedTuple

import psycopg

from chalicelib.ledger import day_answers, locks
from chalicelib.ledger.connection import Database
from chalicelib.ledger.questions import OF_A_DAY, OF_ALL_DAYS, OF_SUMS, SUMS, of_sums
from chalicelib.telemetry import log

SHARE_SECONDS = 5  # of one call, after which it begins no other question
QUESTION_MILLISECONDS = 20_000  # below the caller's time-out
AHEAD_SECONDS = 10  # of each minute, for answers that nobody has asked for yet
AHEAD_MILLISECONDS = 10_000  # of one such question
AHEAD_AGAIN_SECONDS = 6 * 3600  # until one that took longer is tried again: it would take each minute's time
SORT_MEMORY = "32MB"  # of a question about all days: more, and some 100,000 names would be sorted on disk
TOP_ROWS = 10
MAX_DAYS = 366
A_DAY_WITHOUT = date(1999, 12, 31)  # interactions: none is taken of before 2000


class StatisticsError(Exception):
    """What was asked is too much; the text says what to ask instead."""


class _Step(NamedTuple):
    question: str
    sql: LiteralString
    day: date | None = None
    sums: bool = False
    """Whether it counts what other questions add up, and answers none itself."""

    @property
    def key(self) -> str:
        return day_answers.key(self.question, self.sql)

    @property
    def name(self) -> str:
        return f"{self.question} of {self.day}" if self.day else self.question


def answer(
    ledger: Database,
    *,
    since: str,
    until: str,
    questions: list[str] | None = None,
    cursor: int | None = None,
    fresh: bool = False,
    share_seconds: float = SHARE_SECONDS,
    question_milliseconds: int = QUESTION_MILLISECONDS,
) -> dict[str, Any]:
    """Answer all questions, or these, about these days (ISO 8601, UTC; the last one included), from the cursor on.

    Returns {"answers": [{"question": …, "columns": […], "rows": [[…], …]}, …], "cursor": …, "steps": …, "different":
    […], "unanswered": […]}: a question about one day has an answer for each day; the cursor is the next of so many
    steps, or None at the end. Days that are over are answered from what was kept, unless `fresh`: then they are counted
    again, and "different" lists the kept answers that were wrong. What took too long has no answer, and "unanswered"
    lists it. Raises StatisticsError for more than 366 days.
    """
    first, last = date.fromisoformat(since), date.fromisoformat(until)
    steps = _steps(first, last, questions)
    if cursor is None:
        day_answers.forget_changed(ledger.connection)
    kept = day_answers.read(ledger.connection, list({step.key for step in steps}), first, last)
    lived = day_answers.list_lived(ledger.connection, _days(first, last))
    asked = _Asked(ledger.connection, lived, first, last, question_milliseconds)
    without: dict[str, dict[str, Any]] = {}  # the answer about a day without interactions, by question
    answers, different, unanswered = list[dict[str, Any]](), list[str](), list[str]()
    until_, step = time.monotonic() + share_seconds, cursor or 0
    while step < len(steps) and (step == (cursor or 0) or time.monotonic() < until_):
        one = steps[step]
        step += 1
        known, same = kept.get((one.key, one.day)) if one.day else None, True
        try:
            if one.day and one.day not in lived:
                known = without.get(one.question) or without.setdefault(one.question, asked.of_nothing(one))
            elif fresh or known is None:
                known, same = asked.again(one, known)
        except psycopg.errors.QueryCanceled:
            unanswered += [] if one.sums else [one.name]  # who adds it up is unanswered, if it still takes too long
            continue
        different += [] if same else [one.name]
        answers += [] if one.sums else [{"question": one.question, **known}]
    next_ = step if step < len(steps) else None
    return {"answers": answers, "cursor": next_, "steps": len(steps), "different": different, "unanswered": unanswered}


def keep_ahead(ledger: Database, *, in_time: Callable[[], bool], seconds: float = AHEAD_SECONDS) -> int:
    """Count what is not kept yet of days that are over, the latest first, while there is time; return how many answers.

    So whoever asks for half a year waits for today only. What takes too long is left to whoever asks, for some hours.
    """
    yesterday = _today() - timedelta(days=1)
    steps = {step.key: step for step in _of_day(yesterday)}
    days = _days(yesterday - timedelta(days=MAX_DAYS - 1), yesterday)
    asked = _Asked(ledger.connection, set(), yesterday, yesterday, AHEAD_MILLISECONDS)
    until, kept = time.monotonic() + seconds, 0
    for day, key in day_answers.list_unkept(ledger.connection, list(steps), days):
        if time.monotonic() < _too_slow.get((day, key), 0):
            continue
        if time.monotonic() > until or not in_time():
            break
        step = steps[key]._replace(day=day)
        try:
            asked.again(step, None)
            kept += 1
        except psycopg.errors.QueryCanceled:
            _too_slow[day, key] = time.monotonic() + AHEAD_AGAIN_SECONDS
            log.warning("an answer was not counted ahead", question=step.question, day=str(day))
    return kept


def _steps(first: date, last: date, questions: list[str] | None) -> list[_Step]:
    if (last - first).days >= MAX_DAYS:
        raise StatisticsError(f"more than {MAX_DAYS} days: ask for fewer")
    wanted = {*OF_A_DAY, *OF_SUMS, *OF_ALL_DAYS} if questions is None else set(questions)
    wanted |= {OF_SUMS[question][0] for question in wanted & set(OF_SUMS)}
    of_days = [step for day in _days(first, last) for step in _of_day(day)]
    of_all = {question: sql for question, (_, sql) in OF_SUMS.items()} | OF_ALL_DAYS
    steps = [*of_days, *(_Step(question, sql) for question, sql in of_all.items())]
    return [step for step in steps if step.question in wanted]


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def _of_day(day: date) -> list[_Step]:
    asked = [_Step(question, sql, day) for question, sql in OF_A_DAY.items()]
    return asked + [_Step(question, sql, day, sums=True) for question, sql in SUMS.items()]


class _Asked(NamedTuple):
    """How the views are asked: about which days, and for how long at most."""

    connection: psycopg.Connection
    lived: set[date]
    """Those with interactions."""
    first: date
    last: date
    milliseconds: int

    def again(self, step: _Step, known: dict[str, Any] | None) -> tuple[dict[str, Any], bool]:
        """Count, and keep what is of a day that is over; return the answer, and whether a known one was right."""
        day = step.day if step.day and step.day < _today() else None
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

    def of_nothing(self, step: _Step) -> dict[str, Any]:
        """Return the answer about a day without interactions."""
        if step.sums:
            return {}
        with self._counting():
            return self._ask(step.sql, {"day": A_DAY_WITHOUT})

    def _keep_sums(self, step: _Step, day: date) -> bool:
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


_too_slow: dict[tuple[date, str], float] = {}  # ahead, by day and key: when to try it again (monotonic)
_SUM_KEYS = {question: day_answers.key(question, sql) for question, sql in SUMS.items()}


def _today() -> date:
    return datetime.now(UTC).date()
