-- A rebuild whose graph Neo4j's importer makes. Code of the release before takes it for one from scratch: so do we, once
-- nobody has continued it for a while.
ALTER TABLE rebuild ADD COLUMN IF NOT EXISTS offline_until timestamptz;

COMMENT ON COLUMN rebuild.offline_until IS 'until then a command makes the graph with the importer, and catch-up leaves it alone; each step of the command moves it on';
