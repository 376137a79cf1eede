"""The SQL of the outbox: how its rows are claimed, counted and requeued."""

# Leases partitions, the one whose oldest row has waited longest first, until it has rows enough: PostgreSQL takes a
# lease only when the LIMIT still wants rows. A row that another claim deleted before our lease is skipped by its lock.
CLAIM = """
WITH oldest AS MATERIALIZED (
    SELECT partition, since
    FROM generate_series(0, %(partitions)s - 1) AS partition
    CROSS JOIN LATERAL (
        SELECT next_attempt_at AS since FROM graph_outbox AS o
        WHERE o.partition = partition.partition AND next_attempt_at <= now() ORDER BY next_attempt_at LIMIT 1
    ) AS first
    ORDER BY since
), waiting AS (
    SELECT interaction_id, bytes
    FROM (SELECT partition FROM oldest WHERE pg_try_advisory_xact_lock(%(lock)s, partition)) AS leased
    CROSS JOIN LATERAL (
        SELECT interaction_id, bytes FROM graph_outbox AS o
        WHERE o.partition = leased.partition AND next_attempt_at <= now()
        ORDER BY next_attempt_at LIMIT %(rows)s FOR UPDATE SKIP LOCKED
    ) AS due
    LIMIT %(rows)s
), summed AS (
    SELECT interaction_id, bytes, sum(bytes) OVER (ROWS UNBOUNDED PRECEDING) - bytes AS before FROM waiting
), claimed AS (
    DELETE FROM graph_outbox USING summed
    WHERE graph_outbox.interaction_id = summed.interaction_id AND (before = 0 OR before + summed.bytes <= %(bytes)s)
    RETURNING graph_outbox.interaction_id, attempts
)
SELECT id, user_id, event_id, kind, artifact_id, metadata::text, timestamp, attempts, received_at
FROM interaction JOIN claimed ON id = interaction_id
"""

WAITING = """
SELECT count(*) FILTER (WHERE next_attempt_at < 'infinity'), count(*) FILTER (WHERE next_attempt_at = 'infinity'),
       coalesce(extract(epoch FROM now() - min(next_attempt_at) FILTER (WHERE next_attempt_at <= now())), 0)::float8
FROM graph_outbox
"""

REQUEUE = """
INSERT INTO graph_outbox (interaction_id, bytes, partition, attempts, last_error, next_attempt_at)
SELECT id, %(row_bytes)s + coalesce(octet_length(metadata::text), 0), user_partition(user_id), %(attempts)s, %(error)s,
       CASE WHEN %(attempts)s >= %(max_attempts)s THEN 'infinity'
            ELSE clock_timestamp() + greatest(1, %(attempts)s) * %(pause)s END
FROM interaction WHERE id = %(id)s
ON CONFLICT DO NOTHING
"""
