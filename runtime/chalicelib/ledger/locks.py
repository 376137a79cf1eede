"""Advisory locks of the ledger, each held until its transaction ends."""

import psycopg

# An erasure waits for writers and projectors; they share their lock, so they do not wait for each other.
WRITERS, PROJECTORS = 7_316_001, 7_316_002
MIGRATING = 7_316_003
REBUILDING = 7_316_004


def share(connection: psycopg.Connection, lock: int) -> None:
    """Hold the lock together with others, until this transaction ends."""
    connection.execute("SELECT pg_advisory_xact_lock_shared(%s)", [lock])


def hold(connection: psycopg.Connection, lock: int) -> None:
    """Hold the lock alone, until this transaction ends; waits for every other holder.

    Raises psycopg.OperationalError after the role's `lock_timeout`.
    """
    connection.execute("SELECT pg_advisory_xact_lock(%s)", [lock])


def wait_for_holders(connection: psycopg.Connection, lock: int) -> None:
    """Return once everyone who holds the lock now has released it: within 15 s, the time-out of their transactions.

    Call it for one lock at a time: holding both would block writers and projectors together. Raises as `hold` does.
    """
    with connection.transaction():
        hold(connection, lock)
