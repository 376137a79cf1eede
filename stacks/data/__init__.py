"""The stateful stack: network, Postgres, graph, queues, users."""
