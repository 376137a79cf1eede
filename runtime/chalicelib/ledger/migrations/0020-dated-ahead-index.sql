-- transactional: false
-- Interactions whose clock was ahead are few: their view reads them alone.
CREATE INDEX CONCURRENTLY IF NOT EXISTS interaction_dated_ahead ON interaction (((received_at AT TIME ZONE 'UTC')::date))
    WHERE timestamp - received_at > interval '5 minutes';
