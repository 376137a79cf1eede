"""Opens the ledger and the graph that the stack names."""

from chalicelib import config, graph, ledger, postgres


def open_ledger() -> ledger.Ledger:
    """Return the ledger, not yet connected; each connect reads the secret, so a rotated password is found."""
    return ledger.Ledger(lambda: postgres.conninfo(config.secret("POSTGRES_SECRET")))


def open_graph() -> graph.Graph:
    """Return the graph, not yet connected; the same goes for its password."""
    return graph.Graph(lambda: graph.connect(**config.secret("NEO4J_SECRET")))
