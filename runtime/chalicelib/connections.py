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
    """Return the ledger, not yet connected; each connect reads the password again, so a rotated one is found."""
    return ledger.Ledger(ledger_conninfo)


def owner() -> dict[str, Any]:
    """Return the ledger owner's login, with the keys of an RDS secret: for migrations."""
    secret = config.secret("POSTGRES_OWNER_SECRET")
    if "host" in secret:
        return secret
    # The secret that RDS creates and rotates holds the login only. Since migration 0004 the owner logs in with a token,
    # as all roles do; before it, only the password works.
    with_token = {**_rds(), "username": secret["username"], "password": _token(secret["username"])}
    try:
        psycopg.connect(postgres.conninfo(with_token), connect_timeout=5).close()
    except psycopg.OperationalError:
        return {**_rds(), **secret}
    return with_token


def ledger_conninfo() -> str:
    """Return the connection string from the store's secret or, without one, for RDS with an IAM token as password."""
    if os.environ.get("POSTGRES_SECRET"):
        return postgres.conninfo(config.secret("POSTGRES_SECRET"))
    user = config.setting("POSTGRES_USER")
    return postgres.conninfo({**_rds(), "username": user, "password": _token(user)})


def _token(user: str) -> str:
    """Sign a token locally, without a call; it is valid for 15 minutes, and needed only when connecting."""
    where = _rds()
    token: str = config.client("rds").generate_db_auth_token(
        DBHostname=where["host"], Port=int(where["port"]), DBUsername=user
    )
    return token


def _rds() -> dict[str, str]:
    """Return the address of the stack's own ledger; no other server passes its check of certificates."""
    where = {part: config.setting(f"POSTGRES_{part.upper()}") for part in ("host", "port", "dbname")}
    return {**where, "sslmode": "verify-full", "sslrootcert": str(RDS_AUTHORITIES)}


def open_graph() -> graph.Graph:
    """Return the graph, not yet connected; each connect reads its secret again."""
    return graph.Graph(lambda: graph.connect(**config.secret("NEO4J_SECRET")))
