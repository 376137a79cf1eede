"""The ledger's record of rebuilds: which one is under way, and what of it is still to be projected.

The users are split into lanes, each a share of the partitions, so that several callers project side by side and never
meet at a user. Each lane walks through all keys.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, LiteralString, NamedTuple
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

from chalicelib.interaction import microseconds
from chalicelib.ledger import locks
from chalicelib.ledger.connection import read_row

LANES = 8  # more callers than that find no work; each lane reads the whole ledger
SAMPLE_ROWS = 50_000
FIRST = UUID(int=0)  # before every key

# Nobody gives more than `IMPORT_LEASE`, two hours: what ends later is no lease, or catch-up would never project again.
# Ten minutes more are for a caller whose transaction, and so its now(), began before the lease was given.
IS_LEASED: LiteralString = (
    "coalesce(offline_until > now() AND offline_until < now() + interval '2 hours 10 minutes', false)"
)
_COLUMNS: LiteralString = (
    f"id, since, from_scratch, cause, estimated, projected, started_at, walking_at, finished_at, {IS_LEASED} AS offline"
)
# A rebuild that supersedes another one starts in the transaction that finishes the other.
_SUPERSEDED: LiteralString = """
EXISTS (
    SELECT FROM rebuild AS other WHERE other.id > rebuild.id AND other.started_at = rebuild.finished_at
) AS superseded
"""
_UNDER_WAY = f"SELECT {_COLUMNS} FROM rebuild WHERE finished_at IS NULL"  # noqa: S608  a constant
_PROGRESS = f"SELECT {_COLUMNS}, {_SUPERSEDED} FROM rebuild WHERE id = %s"  # noqa: S608  a constant
_INSERT = """
INSERT INTO rebuild (cause, since, from_scratch, offline_until) VALUES (%s, %s, %s, now() + %s::interval) RETURNING id
"""
_LATEST_WIPE = "SELECT coalesce(max(id), 0) FROM rebuild WHERE from_scratch"
_LOCK_WIPE = "SELECT 1 FROM rebuild WHERE id = %s AND walking_at IS NULL FOR UPDATE SKIP LOCKED"
_WALKING = "UPDATE rebuild SET walking_at = now(), estimated = %s WHERE id = %s"
_NEWEST = "SELECT id FROM interaction ORDER BY id DESC LIMIT 1"
_ESTIMATED_ROWS = "SELECT reltuples FROM pg_class WHERE oid = 'interaction'::regclass"
_SAMPLE = "SELECT count(*) FROM interaction TABLESAMPLE SYSTEM (%s) WHERE id > %s"
_LOCK_RANGE = """
SELECT reached, last, lane, lanes FROM rebuild_range WHERE rebuild_id = %s ORDER BY last LIMIT 1 FOR UPDATE SKIP LOCKED
"""
_FINISH = """
UPDATE rebuild SET finished_at = now()
WHERE id = %s AND finished_at IS NULL AND NOT EXISTS (SELECT FROM rebuild_range WHERE rebuild_id = id)
"""


class OfflineError(Exception):
    """A rebuild by the importer is in the way, or is no longer under way."""


def begin(
    connection: psycopg.Connection,
    *,
    cause: str,
    since: datetime | None,
    from_scratch: bool,
    restart: bool,
    offline_for: timedelta | None = None,
) -> tuple[int, bool]:
    """Return the id of a rebuild that covers this, and whether it is new: one under way that does as much continues.

    With `restart` the one under way is superseded in any case. An offline one is superseded by one from scratch;
    raises OfflineError for another.
    """
    with connection.transaction():
        locks.hold(connection, locks.REBUILDING)
        other = under_way(connection)
        if other and other["offline"] and not from_scratch:
            raise OfflineError("an offline rebuild is under way: wait, or replace it with --from-scratch --yes")
        if other and not restart and _does_as_much(other, since, from_scratch=from_scratch):
            return int(other["id"]), False
        if other:
            connection.execute("DELETE FROM rebuild_range WHERE rebuild_id = %s", [other["id"]])
            connection.execute("UPDATE rebuild SET finished_at = now() WHERE id = %s", [other["id"]])
        [id_] = read_row(connection, _INSERT, [cause, since, from_scratch, offline_for])
    return int(id_), True


def _does_as_much(other: Mapping[str, Any], since: datetime | None, *, from_scratch: bool) -> bool:
    covers = other["since"] is None or (since is not None and other["since"] <= since)
    return covers and other["from_scratch"] >= from_scratch and not other["offline"]


def under_way(connection: psycopg.Connection) -> dict[str, Any] | None:
    """Return the rebuild that is under way, if there is one."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(_UNDER_WAY).fetchone()


def is_wiping(connection: psycopg.Connection) -> bool:
    """Return whether a rebuild from scratch is still deleting the old graph."""
    rebuild = under_way(connection)
    return bool(rebuild and rebuild["from_scratch"] and not rebuild["walking_at"])


def latest_wipe(connection: psycopg.Connection) -> int:
    """Return the id of the latest rebuild from scratch, 0 if there was none."""
    [id_] = read_row(connection, _LATEST_WIPE)
    return int(id_)


def progress(connection: psycopg.Connection, rebuild_id: int) -> dict[str, Any]:
    """Return a rebuild's progress, and whether another one superseded it. Raises ValueError for an unknown id."""
    with connection.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(_PROGRESS, [rebuild_id]).fetchone()
    if found is None:
        raise ValueError(f"there is no rebuild {rebuild_id}")
    return found


def lock_wipe(connection: psycopg.Connection, rebuild_id: int) -> bool:
    """Return whether the caller may wipe: no other transaction does, and the walk has not begun."""
    return connection.execute(_LOCK_WIPE, [rebuild_id]).fetchone() is not None


def begin_walk(connection: psycopg.Connection, rebuild_id: int, since: datetime | None) -> None:
    """Write the lanes, up to the newest key: from here on the rebuild walks through the ledger."""
    newest = connection.execute(_NEWEST).fetchone()
    start = key_before(since) if since else FIRST
    estimated = 0
    if newest and newest[0] > start:
        estimated = estimate_rows(connection, start)
        for lane in range(LANES):
            # Each ends at a key of its own, by which it is found. No interaction has a key above the newest yet.
            values = [rebuild_id, start, UUID(int=newest[0].int + lane), lane, LANES]
            connection.execute("INSERT INTO rebuild_range VALUES (%s, %s, %s, %s, %s)", values)
    connection.execute(_WALKING, [estimated, rebuild_id])


def estimate_rows(connection: psycopg.Connection, start: UUID = FIRST) -> int:
    """Return about how many rows have later keys, from a sample."""
    [rows] = read_row(connection, _ESTIMATED_ROWS)
    percent = min(100.0, 100.0 * SAMPLE_ROWS / max(rows, 1))
    [sampled] = read_row(connection, _SAMPLE, [percent, start])
    return int(sampled * 100 / percent)


def key_before(moment: datetime) -> UUID:
    """Return the key before every interaction from that time on: keys begin with the time in milliseconds."""
    return UUID(int=max(0, (microseconds(moment) // 1000 << 80) - 1))


class Range(NamedTuple):
    """What a lane has still to project: its users' rows with keys after `start`, up to `last`."""

    start: UUID
    last: UUID
    lane: int
    lanes: int


def lock_range(connection: psycopg.Connection, rebuild_id: int) -> Range | None:
    """Take a range that nobody else works on, and lease its partitions; None if there is none.

    Raises psycopg.OperationalError if a drain keeps one of them for longer than the role's `lock_timeout`.
    """
    found = connection.execute(_LOCK_RANGE, [rebuild_id]).fetchone()
    if found is None:
        return None
    locks.hold_lane(connection, found[2], found[3])
    return Range(*found)


def shorten_range(connection: psycopg.Connection, rebuild_id: int, last: UUID, *, start: UUID) -> None:
    """Move the start of a range after rows were projected; a range that starts at its last key is done."""
    if start < last:
        moved = "UPDATE rebuild_range SET reached = %s WHERE rebuild_id = %s AND last = %s"
        connection.execute(moved, [start, rebuild_id, last])
    else:
        connection.execute("DELETE FROM rebuild_range WHERE rebuild_id = %s AND last = %s", [rebuild_id, last])


def count_projected(connection: psycopg.Connection, rebuild_id: int, rows: int) -> None:
    """Add to the number of rows that the rebuild has projected."""
    connection.execute("UPDATE rebuild SET projected = projected + %s WHERE id = %s", [rows, rebuild_id])


def finish(connection: psycopg.Connection, rebuild_id: int) -> bool:
    """Finish the rebuild if no range is left; return whether this call did."""
    return connection.execute(_FINISH, [rebuild_id]).rowcount > 0
