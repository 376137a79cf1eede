-- transactional: false
-- A day's rows are found one by one. The index that it takes the place of, interaction_by_day, knew of each 128 pages the first and
-- the last day: one interaction dated 2000 among them, which anybody may post, made them part of each day after that.
CREATE INDEX CONCURRENTLY IF NOT EXISTS interaction_of_day ON interaction (((timestamp AT TIME ZONE 'UTC')::date));
