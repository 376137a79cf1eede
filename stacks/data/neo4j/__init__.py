"""Neo4j on ECS: host, task, service and snapshots."""
