-- transactional: false
DROP INDEX CONCURRENTLY IF EXISTS interaction_by_arrival;
