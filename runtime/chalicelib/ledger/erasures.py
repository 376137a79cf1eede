"""The ledger's record of erasures, and the deletion of an erased user's rows."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, LiteralString, NamedTuple

import psycopg
from psycopg.rows import dict_row

from chalicelib.interaction import microseconds
from chalicelib.ledger import locks
from chalicelib.ledger.connection import read_row
from chalicelib.ledger.day_answers import EVENT_DAYS

# Clocks of Cognito and of the API may be ahead of this one by as much. Nobody signs in to a deleted account, so nothing
# is lost; an account that is enabled again is not stored for so long.
CLOCK_MARGIN = timedelta(minutes=1)

# A repeated erasure keeps its time, unless the new one is later.
_RECORD = """
INSERT INTO erasure (user_id, erased_at, with_account)
VALUES (%(user_id)s, coalesce(%(erased_at)s, clock_timestamp() + %(margin)s), %(with_account)s)
ON CONFLICT (user_id) DO UPDATE SET erased_at = greatest(erasure.erased_at, excluded.erased_at), finished_at = NULL,
                                    with_account = erasure.with_account OR excluded.with_account
RETURNING erased_at
"""
# By event, so that few batches meet the same one. Answers about all days of these events: see EVENT_DAYS.
_GONE_EVENTS: LiteralString = """
    SELECT DISTINCT %(user_id)s::text, event_id, (SELECT min(day) - 1 FROM day_answer) FROM gone
"""
_DELETE_ROWS = f"""
WITH RECURSIVE gone AS (
    DELETE FROM interaction WHERE id IN (
        SELECT id FROM interaction
        WHERE user_id = %(user_id)s AND least(received_at, timestamp) <= %(erased_at)s
        ORDER BY event_id, id LIMIT %(batch)s
    ) RETURNING id, event_id
), waiting AS (
    DELETE FROM graph_outbox USING gone WHERE interaction_id = gone.id
), {EVENT_DAYS.format(events_and_day_before=_GONE_EVENTS)}, answers AS (
    DELETE FROM day_answer WHERE day IN (SELECT day FROM event_day)
)
SELECT count(*) FROM gone
"""  # noqa: S608  constants
_FORGET_EXCLUSION = "DELETE FROM excluded_user WHERE user_id = %s"
_FINISH = "UPDATE erasure SET finished_at = clock_timestamp() WHERE user_id = %s AND erased_at = %s"
_UNDER_WAY = "SELECT 1 FROM erasure WHERE user_id = %s AND finished_at IS NULL"
_OF_USERS = "SELECT user_id, erased_at, with_account FROM erasure WHERE user_id = ANY(%s)"
_LIST = "SELECT user_id, erased_at, finished_at, with_account FROM erasure WHERE user_id > %s ORDER BY user_id LIMIT %s"
_SINCE = "SELECT user_id FROM erasure WHERE finished_at IS NULL OR finished_at >= %s ORDER BY user_id"


class Erased(NamedTuple):
    """Up to when a user's data is erased."""

    erased_at: datetime
    with_account: bool = False

    def covers(self, *, received_at: int, timestamp: int, signed_in_at: int) -> bool:
        """Return whether an interaction with these times, in microseconds, is not stored: STORE's rule."""
        until = microseconds(self.erased_at)
        return min(received_at, timestamp) <= until or (self.with_account and signed_in_at <= until)


def record(
    connection: psycopg.Connection, user_id: str, erased_at: datetime | None, *, with_account: bool = False
) -> datetime:
    """Record an erasure up to that time, or up to now, and return the time that counts: the latest one known.

    From then on no interaction of the user from before that time is stored; `with_account`, none that was posted with
    a token of a sign-in before it either, and now is `CLOCK_MARGIN` later.
    """
    margin = CLOCK_MARGIN if with_account else timedelta(0)
    values = {"user_id": user_id, "erased_at": erased_at, "with_account": with_account, "margin": margin}
    moment: datetime
    [moment] = read_row(connection, _RECORD, values)
    return moment


def delete_rows(connection: psycopg.Connection, user_id: str, erased_at: datetime, max_rows: int) -> int:
    """Delete rows of the user up to that time, their places in the outbox and what counted them; return how many."""
    values = {"user_id": user_id, "erased_at": erased_at, "batch": max_rows}
    with connection.transaction():
        locks.hold(connection, locks.ANSWERS)
        [deleted] = read_row(connection, _DELETE_ROWS, values)
    return int(deleted)


def finish(connection: psycopg.Connection, user_id: str, erased_at: datetime) -> None:
    """Mark the erasure as finished, unless one up to a later time was recorded meanwhile."""
    connection.execute(_FORGET_EXCLUSION, [user_id])
    connection.execute(_FINISH, [user_id, erased_at])


def is_under_way(connection: psycopg.Connection, user_id: str) -> bool:
    """Return whether an erasure of this user is not finished."""
    return connection.execute(_UNDER_WAY, [user_id]).fetchone() is not None


def of_users(connection: psycopg.Connection, users: Sequence[str]) -> dict[str, Erased]:
    """Return the last erasures of those of these users who have one."""
    return {user_id: Erased(*one) for user_id, *one in connection.execute(_OF_USERS, [list(users)])}


def list_after(connection: psycopg.Connection, user_id: str, max_users: int) -> list[dict[str, Any]]:
    """Return the next erasures by user, after that user."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(_LIST, [user_id, max_users]).fetchall()


def users_since(connection: psycopg.Connection, moment: datetime) -> list[str]:
    """Return the users whose erasure ended after that time, or has not ended."""
    return [user_id for (user_id,) in connection.execute(_SINCE, [moment])]
