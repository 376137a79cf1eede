"""Answers about days that are over, kept until an interaction of that day, or of an event of that day, changes.

They are found by when rows were stored, not in the statement that stores them: storing costs nothing more. What was
stored since the last look, and two minutes before it, is looked at again: no transaction of a writer is longer.
"""

import hashlib
from datetime import date, timedelta
from typing import Any, LiteralString

import psycopg
from psycopg.types.json import Jsonb

from chalicelib.ledger import locks

LONGEST_WRITE = timedelta(minutes=2)
FORGET_ALL_AFTER = timedelta(hours=1)  # without a look; then counting again is cheaper

Kept = dict[tuple[str, date], dict[str, Any]]
"""Answers by question and day: columns and rows."""

# All of an event's days: a recall that comes late changes what its touches on other days mean.
_FORGET_CHANGED: LiteralString = """
WITH changed AS (SELECT DISTINCT user_id, event_id FROM interaction WHERE stored_at > %s)
DELETE FROM day_answer WHERE day IN (
    SELECT (timestamp AT TIME ZONE 'UTC')::date FROM changed JOIN interaction USING (user_id, event_id)
)
"""
_READ = "SELECT question, day, answer FROM day_answer WHERE day BETWEEN %s AND %s"
_KEEP = """
INSERT INTO day_answer (question, day, answer) VALUES (%s, %s, %s)
ON CONFLICT (question, day) DO UPDATE SET answer = excluded.answer
"""


def key(question: str, sql: str) -> str:
    """Return the question's key: answers of another SQL text are not its answers."""
    return f"{question} {hashlib.sha256(sql.encode()).hexdigest()[:16]}"


def forget_changed(connection: psycopg.Connection) -> None:
    """Forget the answers that rows changed which were stored since the last look."""
    with connection.transaction():
        look = "SELECT checked_at, clock_timestamp() FROM day_answers_checked FOR UPDATE"
        for checked_at, now in connection.execute(look).fetchall():
            if now - checked_at > FORGET_ALL_AFTER:
                connection.execute("DELETE FROM day_answer")
            else:
                connection.execute(_FORGET_CHANGED, [checked_at - LONGEST_WRITE])
            connection.execute("UPDATE day_answers_checked SET checked_at = %s", [now])


def forget_all(connection: psycopg.Connection) -> None:
    """Forget all answers, within a transaction that changes what counts. Waits for who counts now."""
    locks.hold(connection, locks.ANSWERS)
    connection.execute("DELETE FROM day_answer")


def read(connection: psycopg.Connection, first: date, last: date) -> Kept:
    """Return the kept answers about these days."""
    return {(question, day): answer for question, day, answer in connection.execute(_READ, [first, last])}


def keep(connection: psycopg.Connection, question: str, day: date, answer: dict[str, Any]) -> None:
    """Keep an answer; its transaction must have shared the lock `ANSWERS` since before it counted."""
    connection.execute(_KEEP, [question, day, Jsonb(answer)])
