-- transactional: false
-- How an event's first opening is found: by looking at one row, however many openings one event has.
CREATE INDEX CONCURRENTLY IF NOT EXISTS interaction_opening ON interaction (user_id, event_id, timestamp, id)
    WHERE kind IN ('recall', 'workspace');
