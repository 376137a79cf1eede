"""Opens the ledger and the graph that the stack names."""

import os
from pathlib import Path
from typing import Any

from chalicelib import config, graph, ledger, postgres

RDS_AUTHORITIES = Path(__file__).with_name("rds-ca.pem")


def open_ledger() -> ledger.Ledger:
    """Return the ledger, not yet connected; each connect asks anew for the password, so a rotated one is found."""
    return ledger.Ledger(ledger_conninfo)


def owner() -> dict[str, Any]:
    """Return the way to the ledger as its owner, with the keys of a secret of RDS: for migrations."""
    secret = config.secret("POSTGRES_OWNER_SECRET")
    # The secret that RDS makes and rotates holds the login alone.
    return secret if "host" in secret else {**_rds(), **secret}


def ledger_conninfo() -> str:
    """Return the way to a store with a secret of its own or, without one, to RDS with an IAM token for a password."""
    if os.environ.get("POSTGRES_SECRET"):
        return postgres.conninfo(config.secret("POSTGRES_SECRET"))
    where, user = _rds(), config.setting("POSTGRES_USER")
    # Signed here, without a call; it lives 15 minutes, and counts only at the moment of connecting.
    token = config.client("rds").generate_db_auth_token(
        DBHostname=where["host"], Port=int(where["port"]), DBUsername=user
    )
    return postgres.conninfo({**where, "username": user, "password": token})


def _rds() -> dict[str, str]:
    """Return where the stack's own ledger is; a password goes to no server but that one."""
    where = {part: config.setting(f"POSTGRES_{part.upper()}") for part in ("host", "port", "dbname")}
    return {**where, "sslmode": "verify-full", "sslrootcert": str(RDS_AUTHORITIES)}


def open_graph() -> graph.Graph:
    """Return the graph, not yet connected; the same goes for its password."""
    return graph.Graph(lambda: graph.connect(**config.secret("NEO4J_SECRET")))
