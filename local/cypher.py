"""Runs a Cypher query on the graph that `.local/env` names: python -m local.cypher 'MATCH (n) RETURN n LIMIT 1'."""

import os

import click
from neo4j.exceptions import Neo4jError

from chalicelib.graph.client import connect
from scripts.common.console import show_table


@click.command()
@click.argument("query")
def main(query: str) -> None:
    """Run the QUERY and print its rows."""
    login = [os.environ.get(name, "") for name in ("NEO4J_URI", "NEO4J_USER", "NEO4J_PASSWORD")]
    if not all(login):
        raise click.UsageError("NEO4J_URI is not set: . .local/env")
    with connect(*login) as driver:
        try:
            records, _, columns = driver.execute_query(query)
        except Neo4jError as error:
            raise click.ClickException(str(error.message)) from None
    show_table(f"{len(records)} rows", columns, [record.values() for record in records])


if __name__ == "__main__":
    main()
