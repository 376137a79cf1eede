"""What operators, and each deploy, ask of the functions that reach the private stores."""

from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import psycopg
import yoyo

from chalicelib.graph import Graph, GraphUnavailableError
from chalicelib.postgres import conninfo, tls
from chalicelib.telemetry import log, measure

MIGRATIONS = Path(__file__).parent / "migrations"
MIGRATING = 7_316_003  # the advisory lock under which one migrates at a time
LOCK_WAIT = "60s"


class MigrationError(Exception):
    """A migration was not applied; the deploy must stop."""


def migrate(owner: Mapping[str, Any], graph: Graph) -> dict[str, Any]:
    """Bring both stores up to this code and say what was done; a repeat does nothing.

    A graph that is away does not stop a deploy: catch-up prepares it when it is back. Raises as `migrate_ledger` does.
    """
    applied = migrate_ledger(owner)
    try:
        graph.prepare()
    except GraphUnavailableError as error:
        log.warning("the graph is away", reason=str(error))
        return {"applied": applied, "graph": "left to catch-up"}
    return {"applied": applied, "graph": "prepared"}


def migrate_ledger(owner: Mapping[str, Any]) -> list[str]:
    """Bring the ledger's schema up to this code; return the ids of the migrations applied, none on a repeat.

    Another caller's migration is waited for; the lock goes with its holder's connection, killed or not. Raises
    MigrationError or psycopg.Error when the schema could not be brought up.
    """
    with psycopg.connect(conninfo(owner), autocommit=True, connect_timeout=10) as guard:
        guard.execute(f"SET lock_timeout = '{LOCK_WAIT}'")
        guard.execute("SELECT pg_advisory_lock(%s)", [MIGRATING])
        backend = yoyo.get_backend(_address(owner))
        with closing(backend.connection):
            applied = _apply(backend)
    log.info("migrated", applied=applied)
    return applied


def _apply(backend: Any) -> list[str]:
    migrations = yoyo.read_migrations(str(MIGRATIONS))
    pending = backend.to_apply(migrations)
    backend.apply_migrations(pending)
    # yoyo passes over a migration that it cannot read.
    if left := [migration.id for migration in backend.to_apply(migrations)]:
        raise MigrationError(f"not applied: {', '.join(left)}")
    return [migration.id for migration in pending]


def _address(owner: Mapping[str, Any]) -> str:
    credentials = f"{quote(owner['username'], safe='')}:{quote(owner['password'], safe='')}"
    options = urlencode({"connect_timeout": 10, **tls(owner)})
    return f"postgresql+psycopg://{credentials}@{owner['host']}:{owner['port']}/{owner['dbname']}?{options}"


def run(event: Mapping[str, Any], operations: Mapping[str, Callable[..., Any]]) -> dict[str, Any]:
    """Run the operation that the event names and return its result; raises ValueError for an unknown one.

    An operator's event is {"operation": …} with the operation's arguments; a deploy's is a custom resource's, with the
    name among its properties and no arguments.
    """
    deploy = event.get("ResourceProperties")
    asked = {"operation": deploy.get("operation")} if deploy else dict(event)
    name = str(asked.pop("operation", None))
    if name not in operations:
        raise ValueError(f"operation must be one of {', '.join(operations)}")
    try:
        return {"operation": name, "result": operations[name](**asked)}
    except GraphUnavailableError as error:
        raise GraphUnavailableError(f"the graph takes no work now ({error}): is Neo4j away?") from error


def count_discarded(interactions: int) -> None:
    """Count what an operator removed from the dead-letter queue, below 0 what came back: nothing goes in silence."""
    log.warning("discarded", interactions=interactions)
    measure(Discarded=interactions)
