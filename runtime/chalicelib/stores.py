"""Opens the ledger and the graph that the stack names."""

import os

from chalicelib import config, graph, ledger, postgres


def open_ledger() -> ledger.Ledger:
    """Return the ledger, not yet connected; each connect asks anew for the password, so a rotated one is found."""
    return ledger.Ledger(_conninfo)


def _conninfo() -> str:
    """Return the way to a store with a secret of its own or, without one, to RDS with an IAM token for a password."""
    if os.environ.get("POSTGRES_SECRET"):
        return postgres.conninfo(config.secret("POSTGRES_SECRET"))
    host, port, user = (config.setting(f"POSTGRES_{part}") for part in ("HOST", "PORT", "USER"))
    # Signed here, without a call; it lives 15 minutes, and counts only at the moment of connecting.
    token = config.client("rds").generate_db_auth_token(DBHostname=host, Port=int(port), DBUsername=user)
    where = {"host": host, "port": port, "dbname": config.setting("POSTGRES_DBNAME"), "username": user}
    return postgres.conninfo({**where, "password": token})


def open_graph() -> graph.Graph:
    """Return the graph, not yet connected; the same goes for its password."""
    return graph.Graph(lambda: graph.connect(**config.secret("NEO4J_SECRET")))
