"""The questions of `stats`, answered by SQL in shares that fit one call of a function."""

import time
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import psycopg

from chalicelib.ledger import day_answers
from chalicelib.ledger.connection import Database
from chalicelib.ledger.counting import Counting, Step, today
from chalicelib.ledger.questions import OF_A_DAY, OF_ALL_DAYS, OF_SUMS, SUMS
from chalicelib.telemetry import log

SHARE_SECONDS = 5  # of one call, after which it begins no other question
QUESTION_MILLISECONDS = 20_000  # below the caller's time-out
AHEAD_SECONDS = 10  # of each minute, for answers that nobody has asked for yet
AHEAD_MILLISECONDS = 10_000  # of one such question
AHEAD_AGAIN_SECONDS = 6 * 3600  # until one that took longer is tried again: it would take each minute's time
MAX_DAYS = 366


class StatisticsError(Exception):
    """What was asked is too much; the text says what to ask instead."""


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
    asked = Counting(ledger.connection, lived, first, last, question_milliseconds)
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
    yesterday = today() - timedelta(days=1)
    steps = {step.key: step for step in _of_day(yesterday)}
    days = _days(yesterday - timedelta(days=MAX_DAYS - 1), yesterday)
    asked = Counting(ledger.connection, set(), yesterday, yesterday, AHEAD_MILLISECONDS)
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


def _steps(first: date, last: date, questions: list[str] | None) -> list[Step]:
    if (last - first).days >= MAX_DAYS:
        raise StatisticsError(f"more than {MAX_DAYS} days: ask for fewer")
    wanted = {*OF_A_DAY, *OF_SUMS, *OF_ALL_DAYS} if questions is None else set(questions)
    wanted |= {OF_SUMS[question][0] for question in wanted & set(OF_SUMS)}
    of_days = [step for day in _days(first, last) for step in _of_day(day)]
    of_all = {question: sql for question, (_, sql) in OF_SUMS.items()} | OF_ALL_DAYS
    steps = [*of_days, *(Step(question, sql) for question, sql in of_all.items())]
    return [step for step in steps if step.question in wanted]


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def _of_day(day: date) -> list[Step]:
    asked = [Step(question, sql, day) for question, sql in OF_A_DAY.items()]
    return asked + [Step(question, sql, day, sums=True) for question, sql in SUMS.items()]


_too_slow: dict[tuple[date, str], float] = {}  # ahead, by day and key: when to try it again (monotonic)
