"""Neo4j: all Cypher is here."""
