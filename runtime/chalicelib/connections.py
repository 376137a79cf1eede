"""Opens the ledger and the graph that the stack names."""

import os
from pathlib import Path
from typing import Any

import psycopg

from chalicelib import config
from chalicelib.graph import client as graph
from chalicelib.ledger import connection as postgres
from chalicelib.ledger import ledger

RDS_AUTHORITIES = Path(__file__).with_name("rds-ca.pem")


def open_ledger() -> ledger.Ledger:
    """Return the ledger, not yet connected; each connect asks anew for the password, so a rotated one is found."""
    return ledger.Ledger(ledger_conninfo)


def owner() -> dict[str, Any]:
    """Return the way to the ledger as its owner, with the keys of a secret of RDS: for migrations."""
    secret = config.secret("POSTGRES_OWNER_SECRET")
    if "host" in secret:
        return secret
    # The secret that RDS makes and rotates holds the login alone. Migration 0004 has the owner log in with a token, as
    # all do; before it, only the password counts.
    with_token = {**_rds(), "username": secret["username"], "password": _token(secret["username"])}
    try:
        psycopg.connect(postgres.conninfo(with_token), connect_timeout=5).close()
    except psycopg.OperationalError:
        return {**_rds(), **secret}
    return with_token


def ledger_conninfo() -> str:
    """Return the way to a store with a secret of its own or, without one, to RDS with an IAM token for a password."""
    if os.environ.get("POSTGRES_SECRET"):
        return postgres.conninfo(config.secret("POSTGRES_SECRET"))
    user = config.setting("POSTGRES_USER")
    return postgres.conninfo({**_rds(), "username": user, "password": _token(user)})


def _token(user: str) -> str:
    """Sign a password, here and without a call; it lives 15 minutes, and counts only at the moment of connecting."""
    where = _rds()
    token: str = config.client("rds").generate_db_auth_token(
        DBHostname=where["host"], Port=int(where["port"]), DBUsername=user
    )
    return token


def _rds() -> dict[str, str]:
    """Return where the stack's own ledger is; a password goes to no server but that one."""
    where = {part: config.setting(f"POSTGRES_{part.upper()}") for part in ("host", "port", "dbname")}
    return {**where, "sslmode": "verify-full", "sslrootcert": str(RDS_AUTHORITIES)}


def open_graph() -> graph.Graph:
    """Return the graph, not yet connected; the same goes for its password."""
    return graph.Graph(lambda: graph.connect(**config.secret("NEO4J_SECRET")))
