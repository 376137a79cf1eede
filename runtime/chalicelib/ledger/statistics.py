"""The questions of `stats`, answered by SQL in shares that fit one call of a function."""

import time
from datetime import date, timedelta
from typing import Any, LiteralString

import psycopg

from chalicelib.ledger.connection import Database

SHARE_SECONDS = 5  # of one call, after which it begins no other question
QUESTION_MILLISECONDS = 20_000  # below the caller's time-out
TOP_ROWS = 10
MAX_DAYS = 366

# Asked once for each day, so that a busy month takes many short statements and no long one.
OF_A_DAY: dict[str, LiteralString] = {
    "interactions_by_day": """
        SELECT day::text, kind, interactions, users FROM interactions_by_day WHERE day = %(day)s ORDER BY kind
    """,
    "active_users_by_day": "SELECT day::text, users, interactions FROM active_users_by_day WHERE day = %(day)s",
    "events_by_day": """
        SELECT day::text, kind, events, good_outcome, no_good_outcome, peeled, median_seconds_to_first_peel,
               mean_reciprocal_rank
        FROM events_by_day WHERE day = %(day)s ORDER BY kind
    """,
    "sessions_by_day": """
        SELECT day::text, sessions, users, median_seconds, mean_interactions FROM sessions_by_day WHERE day = %(day)s
    """,
    "funnel": """
        SELECT step AS recalls, coalesce(reached[place], 0) AS number
        FROM (VALUES (1, 'all'), (2, 'and peeled'), (3, 'and kept'), (4, 'and marked good')) AS step (place, step)
        LEFT JOIN (SELECT ARRAY[recalls, peeled, kept, marked_good] AS reached FROM funnel_by_day WHERE day = %(day)s)
                  AS funnel ON true
        ORDER BY place
    """,
    "time_to_first_peel": """
        WITH bound (place, label) AS (
            VALUES (1, 'under 2 s'), (2, '2 to 10 s'), (3, '10 to 60 s'), (4, '1 to 10 min'), (5, '10 to 60 min'),
                   (6, 'over 1 h'), (7, 'never peeled'), (8, 'before its recall: clocks differ')
        ), placed AS (
            SELECT CASE first_peel WHEN 'never' THEN 7
                                   WHEN 'before it opened' THEN 8
                                   ELSE width_bucket(extract(epoch FROM time_to_first_peel)::float8,
                                                     '{0,2,10,60,600,3600}')
                   END AS place
            FROM opened_event WHERE day = %(day)s AND kind = 'recall'
        )
        SELECT label AS time, count(placed) AS recalls
        FROM bound LEFT JOIN placed USING (place) GROUP BY place, label ORDER BY place
    """,
    "first_peeled_rank": """
        WITH bound (place, label) AS (
            VALUES (1, '1'), (2, '2'), (3, '3'), (4, '4 to 10'), (5, 'over 10'), (6, 'no result peeled'),
                   (7, 'results unknown')
        ), placed AS (
            SELECT CASE WHEN reciprocal_rank IS NULL THEN 7
                        WHEN first_rank IS NULL THEN 6
                        ELSE width_bucket(first_rank, '{1,2,3,4,11}')
                   END AS place
            FROM opened_event WHERE day = %(day)s AND kind = 'recall'
        )
        SELECT label AS rank, count(placed) AS recalls
        FROM bound LEFT JOIN placed USING (place) GROUP BY place, label ORDER BY place
    """,
    "results_by_rank": """
        WITH bound (place, label) AS (
            SELECT n, n::text FROM generate_series(1, 10) AS n UNION ALL VALUES (11, '11 to 200'), (12, 'not listed')
        )
        SELECT label AS rank, coalesce(sum(shown), 0)::bigint AS shown, coalesce(sum(peeled), 0)::bigint AS peeled,
               coalesce(sum(kept), 0)::bigint AS kept, coalesce(sum(good), 0)::bigint AS good,
               coalesce(sum(bad), 0)::bigint AS bad
        FROM bound
        LEFT JOIN (SELECT *, CASE WHEN listed THEN least(position, 11) ELSE 12 END AS place
                   FROM results_by_rank WHERE day = %(day)s) AS result USING (place)
        GROUP BY place, label ORDER BY place
    """,
}
OF_ALL_DAYS: dict[str, LiteralString] = {
    "queries_without_outcome": """
        SELECT query, sum(recalls)::bigint AS recalls, sum(peeled)::bigint AS peeled,
               sum(without_result)::bigint AS without_result
        FROM query_outcomes_by_day WHERE day BETWEEN %(since)s AND %(until)s
        GROUP BY query HAVING sum(good_outcome) = 0 ORDER BY recalls DESC, query LIMIT %(top)s
    """,
    "most_kept_artifacts": """
        SELECT artifact_id, sum(interactions)::bigint AS keeps FROM artifact_interactions_by_day
        WHERE kind = 'keep' AND day BETWEEN %(since)s AND %(until)s
        GROUP BY artifact_id ORDER BY keeps DESC, artifact_id LIMIT %(top)s
    """,
    "most_marked_bad_artifacts": """
        SELECT artifact_id, sum(interactions)::bigint AS bad FROM artifact_interactions_by_day
        WHERE kind = 'mark_bad' AND day BETWEEN %(since)s AND %(until)s
        GROUP BY artifact_id ORDER BY bad DESC, artifact_id LIMIT %(top)s
    """,
    "dated_ahead": """
        SELECT kind, sum(interactions)::bigint AS interactions FROM dated_ahead_by_day
        WHERE received_day BETWEEN %(since)s AND %(until)s GROUP BY kind ORDER BY kind
    """,
    "graph_outbox": """
        SELECT count(*) FILTER (WHERE next_attempt_at < 'infinity') AS waiting,
               count(*) FILTER (WHERE next_attempt_at = 'infinity') AS parked
        FROM graph_outbox
    """,
}


class StatisticsError(Exception):
    """A question could not be answered; the text says what to ask instead."""


def answer(
    ledger: Database,
    *,
    since: str,
    until: str,
    questions: list[str] | None = None,
    cursor: int | None = None,
    share_seconds: float = SHARE_SECONDS,
    question_milliseconds: int = QUESTION_MILLISECONDS,
) -> dict[str, Any]:
    """Answer all questions, or these, about these days (ISO 8601, UTC; the last one included), from the cursor on.

    Returns {"answers": [{"question": …, "columns": […], "rows": [[…], …]}, …], "cursor": …, "steps": …}: a question
    about one day has an answer for each day; the cursor is the next of so many steps, or None at the end. Raises
    StatisticsError when a question takes too long, or for more than 366 days.
    """
    first, last = date.fromisoformat(since), date.fromisoformat(until)
    steps = [step for step in _steps(first, last) if questions is None or step[0] in questions]
    answers: list[dict[str, Any]] = []
    began, step = time.monotonic(), cursor or 0
    while step < len(steps) and (not answers or time.monotonic() < began + share_seconds):
        question, sql, day = steps[step]
        values = {"since": first, "until": last, "day": day, "top": TOP_ROWS}
        answers.append(_ask(ledger, question, sql, values, question_milliseconds))
        step += 1
    return {"answers": answers, "cursor": step if step < len(steps) else None, "steps": len(steps)}


def _steps(first: date, last: date) -> list[tuple[str, LiteralString, date | None]]:
    if (last - first).days >= MAX_DAYS:
        raise StatisticsError(f"more than {MAX_DAYS} days: ask for fewer")
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    return [
        *((question, sql, day) for question, sql in OF_A_DAY.items() for day in days),
        *((question, sql, None) for question, sql in OF_ALL_DAYS.items()),
    ]


def _ask(
    ledger: Database, question: str, sql: LiteralString, values: dict[str, Any], milliseconds: int
) -> dict[str, Any]:
    connection = ledger.connection
    try:
        with connection.transaction(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(milliseconds)])
            rows = [list(row) for row in cursor.execute(sql, values)]
            columns = [column.name for column in cursor.description or ()]
    except psycopg.errors.QueryCanceled:
        raise StatisticsError(f"{question} takes over {milliseconds // 1000} s: ask for fewer days") from None
    return {"question": question, "columns": columns, "rows": rows}
