"""The ledger's record of a rebuild by Neo4j's importer: until when nothing else continues it."""

from datetime import timedelta

import psycopg

from chalicelib.ledger import rebuilds
from chalicelib.ledger.rebuilds import IS_LEASED, OfflineError

_KEEP = f"""
UPDATE rebuild SET offline_until = now() + %s, projected = projected + %s
WHERE id = %s AND finished_at IS NULL AND {IS_LEASED}
"""  # noqa: S608  a constant
_FINISH = f"""
UPDATE rebuild SET walking_at = now(), estimated = projected, finished_at = now()
WHERE id = %s AND finished_at IS NULL AND {IS_LEASED}
"""  # noqa: S608  a constant
_GIVE_UP = "UPDATE rebuild SET offline_until = NULL WHERE id = %s"


def keep(connection: psycopg.Connection, rebuild_id: int, duration: timedelta, *, rows: int = 0) -> None:
    """Reserve the rebuild for the importer for so long from now, and add to the number of its rows.

    Raises OfflineError if another rebuild replaced it, or if catch-up took it over because the time was up.
    """
    if not connection.execute(_KEEP, [duration, rows, rebuild_id]).rowcount:
        raise OfflineError("another rebuild replaced this one")


def finish(connection: psycopg.Connection, rebuild_id: int) -> None:
    """Finish a rebuild by the importer. Raises as `keep` does."""
    if not connection.execute(_FINISH, [rebuild_id]).rowcount:
        raise OfflineError("another rebuild replaced this one")


def give_up(connection: psycopg.Connection, rebuild_id: int) -> None:
    """Leave the rebuild to catch-up and to operators, who continue it without the importer."""
    connection.execute(_GIVE_UP, [rebuild_id])


def is_under_way(connection: psycopg.Connection) -> bool:
    """Return whether a rebuild by the importer is under way."""
    rebuild = rebuilds.under_way(connection)
    return bool(rebuild and rebuild["offline"])
