-- transactional: false
-- How a claim finds the oldest row of each partition.
CREATE INDEX CONCURRENTLY IF NOT EXISTS graph_outbox_by_partition ON graph_outbox (partition, next_attempt_at);
