"""The laptop's cloud: Postgres, Neo4j and AWS's protocol as ordinary processes, all from packages, all on loopback."""
