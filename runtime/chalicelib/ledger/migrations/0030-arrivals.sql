-- transactional: false
-- What arrived in the last minutes, for people who watch. Rows lie in the order in which they were stored: a few bytes
-- for 128 pages are enough.
CREATE INDEX CONCURRENTLY IF NOT EXISTS interaction_by_arrival
    ON interaction USING brin (stored_at) WITH (autosummarize = on);
