"""The questions of `stats`, answered by SQL in shares that fit one call of a function."""

import time
from datetime import UTC, date, datetime, timedelta
from typing import Any, LiteralString, NamedTuple

import psycopg

from chalicelib.ledger import day_answers, locks
from chalicelib.ledger.connection import Database
from chalicelib.ledger.questions import OF_A_DAY, OF_ALL_DAYS, QUERY_OUTCOMES

SHARE_SECONDS = 5  # of one call, after which it begins no other question
QUESTION_MILLISECONDS = 20_000  # below the caller's time-out
TOP_ROWS = 10
MAX_DAYS = 366


class StatisticsError(Exception):
    """A question could not be answered; the text says what to ask instead."""


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
    […]}: a question about one day has an answer for each day; the cursor is the next of so many steps, or None at the
    end. Days that are over are answered from what was kept, unless `fresh`: then they are counted again, and
    "different" lists the kept answers that were wrong. Raises StatisticsError when a question takes too long, or for
    more than 366 days.
    """
    first, last = date.fromisoformat(since), date.fromisoformat(until)
    steps = [step for step in _steps(first, last) if questions is None or {step[0], step.used_by} & set(questions)]
    if cursor is None:
        day_answers.forget_changed(ledger.connection)
    kept = day_answers.read(ledger.connection, first, last)
    answers: list[dict[str, Any]] = []
    different: list[str] = []
    until_, step = time.monotonic() + share_seconds, cursor or 0
    while step < len(steps) and (step == (cursor or 0) or time.monotonic() < until_):
        question, sql, day, used_by = steps[step]
        known = kept.get((day_answers.key(question, sql), day)) if day else None
        if fresh or not known:
            values = {"since": first, "until": last, "day": day, "top": TOP_ROWS, "query_outcomes": _OUTCOMES_KEY}
            found = _ask(ledger, question, sql, values, question_milliseconds)
            different += [f"{question} of {day}"] if known and known != found else []
            known = found
        answers += [] if used_by else [{"question": question, **known}]
        step += 1
    next_ = step if step < len(steps) else None
    return {"answers": answers, "cursor": next_, "steps": len(steps), "different": different}


class _Step(NamedTuple):
    question: str
    sql: LiteralString
    day: date | None = None
    used_by: str | None = None
    """Another question, for which alone the answer is kept."""


_OUTCOMES_KEY = day_answers.key("query_outcomes", QUERY_OUTCOMES)


def _steps(first: date, last: date) -> list[_Step]:
    if (last - first).days >= MAX_DAYS:
        raise StatisticsError(f"more than {MAX_DAYS} days: ask for fewer")
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    return [
        *(_Step(question, sql, day) for question, sql in OF_A_DAY.items() for day in days),
        *(_Step("query_outcomes", QUERY_OUTCOMES, day, "queries_without_outcome") for day in days),
        *(_Step(question, sql) for question, sql in OF_ALL_DAYS.items()),
    ]


def _ask(
    ledger: Database, question: str, sql: LiteralString, values: dict[str, Any], milliseconds: int
) -> dict[str, Any]:
    connection = ledger.connection
    try:
        with connection.transaction(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(milliseconds)])
            locks.share(connection, locks.ANSWERS)
            rows = [list(row) for row in cursor.execute(sql, values)]
            answer = {"columns": [column.name for column in cursor.description or ()], "rows": rows}
            if values["day"] and values["day"] < datetime.now(UTC).date():
                day_answers.keep(connection, day_answers.key(question, sql), values["day"], answer)
    except psycopg.errors.QueryCanceled:
        raise StatisticsError(f"{question} takes over {milliseconds // 1000} s: ask for fewer days") from None
    return answer
