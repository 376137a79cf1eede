"""Answers about days that are over, kept until an interaction of that day, or of an event of that day, changes.

They are found by when rows were stored, and not by the statement that stores them: that pays for an index entry only.
What was stored since the last look and two minutes before it is looked at again: no transaction of a writer is longer.

An answer about a day of more than a week ago is counted again once an hour at most. One post can change a year of days,
by an event with touches on each; with a post a minute one person would have all of them counted again and again.

What is added up over days is kept as arrays, `Sums`, which go with their answer.
"""

import hashlib
import math
from datetime import UTC, date, datetime, time, timedelta
from time import monotonic
from typing import Any, LiteralString

import psycopg
from psycopg.types.json import Jsonb

from chalicelib.ledger import locks
from chalicelib.ledger.rebuilds import key_before

LONGEST_WRITE = timedelta(minutes=2)
MARK_ALL_AFTER = timedelta(hours=1)  # without a look; then counting again is cheaper
RECENT_DAYS = 7  # of which a change is seen at once
COUNTED_AGAIN_AFTER = timedelta(hours=1)  # a day before these
LOOK_MILLISECONDS = 5_000  # of a look; after a flood that takes longer, all answers count as changed

Kept = dict[tuple[str, date], dict[str, Any]]
"""Answers by question and day: columns and rows; of sums none of these."""
Sums = list[tuple[Any, ...]]
"""Names, each with four numbers."""

# All of an event's days: a recall that comes late changes what its touches on other days mean. An id begins with the
# interaction's own time, so a day is a range of ids, and the index (user_id, event_id, id) alone leads from each day of
# an event to its next one: that costs the days, not the rows, of which one person may give one event any number. Who
# uses it says which events, each with the day before the first one that is looked for.
EVENT_DAYS: LiteralString = """
event_day (user_id, event_id, day) AS (
    {events_and_day_before}
    UNION ALL
    SELECT user_id, event_id, next.day FROM event_day CROSS JOIN LATERAL (
        SELECT DATE '1970-01-01' + (('0x' || left(translate(id::text, '-', ''), 12))::bigint / 86400000)::int AS day
        FROM interaction AS later
        WHERE later.user_id = event_day.user_id AND later.event_id = event_day.event_id AND id >=
              rpad(lpad(to_hex((event_day.day + 1 - DATE '1970-01-01') * 86400000::bigint), 12, '0'), 32, '0')::uuid
        ORDER BY id LIMIT 1
    ) AS next
)
"""
_CHANGED_EVENTS: LiteralString = """
    SELECT DISTINCT user_id, event_id, (SELECT min(day) - 1 FROM day_answer WHERE NOT changed)
    FROM interaction WHERE stored_at > %s
"""
_MARK_CHANGED = f"""
WITH RECURSIVE {EVENT_DAYS.format(events_and_day_before=_CHANGED_EVENTS)}
UPDATE day_answer SET changed = true WHERE NOT changed AND day IN (SELECT day FROM event_day)
"""  # noqa: S608  constants
_MARK_ALL = "UPDATE day_answer SET changed = true WHERE NOT changed"
_LIST_CHANGED = """
SELECT array_agg(id) FROM day_answer
WHERE changed AND (day >= (now() AT TIME ZONE 'UTC')::date - %s OR counted_at < now() - %s) GROUP BY day
"""
_FORGET_CHANGED = "DELETE FROM day_answer WHERE id = ANY(%s)"
# An id begins with the interaction's own time: so a day is a range of ids.
_LIVED: LiteralString = """
SELECT day FROM unnest(%(days)s::date[], %(starts)s::uuid[], %(ends)s::uuid[]) AS part (day, first, next)
WHERE EXISTS (SELECT FROM interaction WHERE id > first AND id < next)
"""
_UNKEPT: LiteralString = """
SELECT lived.day, asked.question
FROM unnest(%(days)s::date[]) AS lived (day) CROSS JOIN unnest(%(questions)s::text[]) AS asked (question)
WHERE NOT EXISTS (SELECT FROM day_answer AS kept WHERE kept.day = lived.day AND kept.question = asked.question)
ORDER BY lived.day DESC
"""
_READ = "SELECT question, day, answer FROM day_answer WHERE day BETWEEN %s AND %s AND question = ANY(%s)"
_KEEP = """
INSERT INTO day_answer (question, day, answer) VALUES (%s, %s, %s) ON CONFLICT (question, day) DO NOTHING RETURNING id
"""
_KEEP_SUMS = """
INSERT INTO day_sums (answer_id, names, n1, n2, n3, n4)
SELECT %(id)s, coalesce(array_agg(name), '{{}}'), array_agg(n1), array_agg(n2), array_agg(n3), array_agg(n4)
FROM ({sums}) AS counted
"""
_SUMS = """
SELECT kept.* FROM day_answer JOIN day_sums ON answer_id = id
CROSS JOIN unnest(names, n1, n2, n3, n4) AS kept (name, n1, n2, n3, n4)
WHERE question = %s AND day = %s ORDER BY name
"""
_FORGET = "DELETE FROM day_answer WHERE question = %s AND day = %s"


def key(question: str, sql: str) -> str:
    """Return the question's key: answers of another SQL text are not its answers."""
    return f"{question} {hashlib.sha256(sql.encode()).hexdigest()[:16]}"


def forget_changed(connection: psycopg.Connection, *, seconds: float = math.inf) -> None:
    """Forget the answers that rows changed which were stored since the last look; of old days some time later.

    After so many seconds it forgets those of no other day: the next call does.
    """
    until = monotonic() + seconds
    _mark_changed(connection)
    # Day by day, each in a transaction of its own: what is forgotten stays so if another day's takes too long.
    for (answers,) in connection.execute(_LIST_CHANGED, [RECENT_DAYS, COUNTED_AGAIN_AFTER]).fetchall():
        connection.execute(_FORGET_CHANGED, [answers])
        if monotonic() > until:
            break


def _mark_changed(connection: psycopg.Connection) -> None:
    with connection.transaction():
        look = "SELECT checked_at, clock_timestamp() FROM day_answers_checked FOR UPDATE"
        for checked_at, now in connection.execute(look).fetchall():
            if now - checked_at > MARK_ALL_AFTER or not _mark_since(connection, checked_at - LONGEST_WRITE):
                connection.execute(_MARK_ALL)
            connection.execute("UPDATE day_answers_checked SET checked_at = %s", [now])


def _mark_since(connection: psycopg.Connection, stored_at: datetime) -> bool:
    """Mark the answers that rows stored since then changed; return False if there are too many to look at."""
    try:
        with connection.transaction():
            # Until the caller's transaction ends, unless this block fails.
            connection.execute("SELECT set_config('statement_timeout', %s, true)", [str(LOOK_MILLISECONDS)])
            connection.execute(_MARK_CHANGED, [stored_at])
    except psycopg.errors.QueryCanceled:
        return False
    return True


def forget_all(connection: psycopg.Connection) -> None:
    """Forget all answers, within a transaction that changes what counts. Waits for who counts now."""
    locks.hold(connection, locks.ANSWERS)
    connection.execute("DELETE FROM day_answer")


def read(connection: psycopg.Connection, questions: list[str], first: date, last: date) -> Kept:
    """Return the kept answers to these questions, by their keys, about these days."""
    found = connection.execute(_READ, [first, last, questions])
    return {(question, day): answer for question, day, answer in found}


def read_sums(connection: psycopg.Connection, question: str, day: date) -> Sums:
    """Return the sums that are kept of this day."""
    return connection.execute(_SUMS, [question, day]).fetchall()


def list_lived(connection: psycopg.Connection, days: list[date]) -> set[date]:
    """Return those of the days that have interactions."""
    starts, ends = (
        [key_before(datetime.combine(day + timedelta(more), time(), UTC)) for day in days] for more in (0, 1)
    )
    found = connection.execute(_LIVED, {"days": days, "starts": starts, "ends": ends})
    return {day for (day,) in found}


def list_unkept(connection: psycopg.Connection, questions: list[str], days: list[date]) -> list[tuple[date, str]]:
    """Return the day and the key of each answer that is not kept, of days with interactions, the latest first."""
    return connection.execute(_UNKEPT, {"questions": questions, "days": list(list_lived(connection, days))}).fetchall()


def keep(connection: psycopg.Connection, question: str, day: date, answer: dict[str, Any]) -> None:
    """Keep an answer; its transaction must have shared the lock `ANSWERS` since before it counted."""
    connection.execute(_FORGET, [question, day])
    connection.execute(_KEEP, [question, day, Jsonb(answer)])


def keep_sums(connection: psycopg.Connection, question: str, day: date, sql: LiteralString) -> None:
    """Count by this SQL and keep the rows, as `keep` does."""
    connection.execute(_FORGET, [question, day])
    for (answer_id,) in connection.execute(_KEEP, [question, day, Jsonb({})]).fetchall():
        connection.execute(_KEEP_SUMS.format(sums=sql), {"id": answer_id, "day": day})
