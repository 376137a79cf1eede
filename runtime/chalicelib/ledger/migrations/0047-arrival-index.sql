-- transactional: false
-- What arrived in the last minutes. It takes the place of interaction_by_arrival, which knew the times of each 128 pages: Postgres marks
-- such a part while it looks through it; if that is cut off, as by an ANALYZE at the same time, the mark stays, and from then on
-- each question reads all that was stored after that part.
CREATE INDEX CONCURRENTLY IF NOT EXISTS interaction_by_stored_at ON interaction (stored_at);
