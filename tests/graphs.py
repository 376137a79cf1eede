"""A graph as plain data, so that two graphs can be compared."""

from typing import Any

import neo4j


def snapshot(session: neo4j.Session) -> tuple[list[Any], list[Any]]:
    """Return every node and every relationship, sorted, in full; the watermark is left out: it comes from no row."""
    nodes = session.run("MATCH (n) WHERE NOT n:Watermark RETURN labels(n) AS labels, properties(n) AS properties")
    edges = session.run(
        "MATCH (a)-[r]->(b) RETURN a.user_id AS user, a.id AS start, type(r) AS type, properties(r) AS properties,"
        " labels(b) AS to, b.user_id AS to_user, b.id AS end"
    )
    return (
        sorted((sorted(n["labels"]), _plain(n["properties"])) for n in nodes),
        sorted(
            (
                e["type"],
                str(e["user"]),
                e["start"],
                _plain(e["properties"]),
                sorted(e["to"]),
                str(e["to_user"]),
                e["end"],
            )
            for e in edges
        ),
    )


def _plain(properties: dict[str, Any]) -> list[tuple[str, str]]:
    return sorted((key, str(value)) for key, value in properties.items())
