"""Advisory locks of the ledger, each held until its transaction ends."""

import psycopg

# An erasure waits for writers; they share their lock, so they do not wait for each other.
WRITERS = 7_316_001
# Taken with the number of a partition: who projects rows of these users has it alone. That is the lease.
PROJECTING = 7_316_002
PARTITIONS = 64  # of users, by the function user_partition of the schema
MIGRATING = 7_316_003
REBUILDING = 7_316_004
# Who counts for an answer that is kept shares it; who removes rows, or changes whose rows count, holds it.
ANSWERS = 7_316_005


def share(connection: psycopg.Connection, lock: int) -> None:
    """Hold the lock together with others, until this transaction ends."""
    connection.execute("SELECT pg_advisory_xact_lock_shared(%s)", [lock])


def hold(connection: psycopg.Connection, lock: int, user_id: str | None = None) -> None:
    """Hold the lock alone, until this transaction ends; waits for every other holder. With a user: their partition's.

    Raises psycopg.OperationalError after the role's `lock_timeout`.
    """
    if user_id is None:
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [lock])
    else:
        connection.execute("SELECT pg_advisory_xact_lock(%s, user_partition(%s))", [lock, user_id])


def hold_lane(connection: psycopg.Connection, lane: int, lanes: int) -> None:
    """Hold every partition of the lane, until this transaction ends, as `hold` does."""
    # In one order, so that two callers never wait for each other; a drain waits for nobody.
    every = "SELECT pg_advisory_xact_lock(%s, partition) FROM generate_series(%s, %s - 1, %s) AS partition"
    connection.execute(every, [PROJECTING, lane, PARTITIONS, lanes])


def wait_for_projections(connection: psycopg.Connection) -> None:
    """Return once every projection that is under way now has ended. Raises as `hold` does."""
    for partition in range(PARTITIONS):
        with connection.transaction():  # one at a time: so no drain finds more than one taken
            hold_lane(connection, partition, PARTITIONS)


def wait_for_holders(connection: psycopg.Connection, lock: int, user_id: str | None = None) -> None:
    """Return once everyone who holds the lock now has released it: within 15 s, the time-out of their transactions.

    Call it for one lock at a time: holding both would block writers and projectors together. Raises as `hold` does.
    """
    with connection.transaction():
        hold(connection, lock, user_id)
