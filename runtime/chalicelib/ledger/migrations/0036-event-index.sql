-- transactional: false
-- How the latest rows of one event, and a user's rows page by page, are found in order; it takes the place of interaction_by_event.
CREATE INDEX CONCURRENTLY IF NOT EXISTS interaction_by_user_event ON interaction (user_id, event_id, id);
