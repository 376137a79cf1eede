"""Brings the ledger's schema up to this code: plain SQL files, applied by yoyo under a lock."""

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, LiteralString
from urllib.parse import quote, urlencode

import psycopg
import yoyo

from chalicelib.ledger import day_answers
from chalicelib.ledger.connection import conninfo, tls
from chalicelib.ledger.locks import MIGRATING
from chalicelib.telemetry import log

MIGRATIONS = Path(__file__).parent / "migrations"
LOCK_WAIT = "60s"
ON_EACH_RUN: tuple[LiteralString, ...] = ("publish_views()", "restore_role_settings()")
"""Procedures of the migrations: the views for analysts, and the roles' settings, which a role may change for itself."""


class MigrationError(Exception):
    """A migration was not applied; the deploy must stop."""


def migrate_ledger(owner: Mapping[str, Any]) -> list[str]:
    """Bring the ledger's schema up to this code; return the ids of the migrations applied, none on a repeat.

    Waits for another caller's migration; Postgres frees that lock when its holder's connection ends. Raises
    MigrationError or psycopg.Error when a migration was not applied.
    """
    with psycopg.connect(conninfo(owner), autocommit=True, connect_timeout=10) as guard:
        guard.execute(f"SET lock_timeout = '{LOCK_WAIT}'")
        guard.execute("SELECT pg_advisory_lock(%s)", [MIGRATING])
        backend = yoyo.get_backend(_address(owner))
        with closing(backend.connection):
            applied = _apply(backend)
        if applied and guard.execute("SELECT to_regclass('day_answer')").fetchone() != (None,):
            with guard.transaction():
                day_answers.forget_all(guard)  # views may count in another way now
        for procedure in ON_EACH_RUN:  # a repeat too: one that was cut off may have left it out
            if guard.execute("SELECT to_regprocedure(%s)", [procedure]).fetchone() != (None,):
                guard.execute(f"CALL {procedure}")
    log.info("migrated", applied=applied)
    return applied


def _apply(backend: Any) -> list[str]:
    migrations = yoyo.read_migrations(str(MIGRATIONS))
    pending = backend.to_apply(migrations)
    backend.apply_migrations(pending)
    # yoyo skips a migration that it cannot read.
    if left := [migration.id for migration in backend.to_apply(migrations)]:
        raise MigrationError(f"not applied: {', '.join(left)}")
    return [migration.id for migration in pending]


def _address(owner: Mapping[str, Any]) -> str:
    credentials = f"{quote(owner['username'], safe='')}:{quote(owner['password'], safe='')}"
    # Who waits for a table's lock holds up everybody who comes after.
    options = urlencode({"connect_timeout": 10, "options": f"-c lock_timeout={LOCK_WAIT}", **tls(owner)})
    return f"postgresql+psycopg://{credentials}@{owner['host']}:{owner['port']}/{owner['dbname']}?{options}"
