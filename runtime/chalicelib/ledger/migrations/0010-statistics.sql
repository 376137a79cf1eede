-- The questions that `stats` answers, as views: each begins with a day, so that a question about the last weeks reads
-- those weeks only, by the index, however long the ledger is.

-- Not CONCURRENTLY: this release is the first, so the table is empty.
-- Rows lie in the order in which they came, which is nearly that of their days: a few bytes for 128 pages are enough.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX IF NOT EXISTS interaction_by_day
    ON interaction USING brin (((timestamp AT TIME ZONE 'UTC')::date)) WITH (autosummarize = on);

-- Keeps and bad marks are the few of many: the most kept of a month are found without reading the month.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX IF NOT EXISTS interaction_keeps_and_bads
    ON interaction (kind, ((timestamp AT TIME ZONE 'UTC')::date)) INCLUDE (artifact_id, timestamp)
    WHERE kind IN ('keep', 'mark_bad');

CREATE OR REPLACE VIEW active_users_by_day AS
SELECT (timestamp AT TIME ZONE 'UTC')::date AS day, count(DISTINCT user_id) AS users, count(*) AS interactions
FROM interaction
GROUP BY 1;

-- Of several recalls of one event the earliest opens it. No grouping here: a day must reach the table by its index.
CREATE OR REPLACE VIEW opened_event AS
SELECT (opening.timestamp AT TIME ZONE 'UTC')::date AS day,
       opening.user_id,
       opening.event_id,
       opening.kind,
       opening.timestamp                            AS opened_at,
       later.peels,
       later.keeps,
       later.good,
       later.bad,
       later.keeps + later.good > 0                 AS good_outcome,
       later.first_peel_at - opening.timestamp      AS time_to_first_peel
FROM interaction AS opening
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE kind = 'peel')       AS peels,
           count(*) FILTER (WHERE kind = 'keep')       AS keeps,
           count(*) FILTER (WHERE kind = 'mark_good')  AS good,
           count(*) FILTER (WHERE kind = 'mark_bad')   AS bad,
           min(timestamp) FILTER (WHERE kind = 'peel') AS first_peel_at
    FROM interaction
    WHERE user_id = opening.user_id AND event_id = opening.event_id
) AS later
WHERE opening.kind IN ('recall', 'workspace')
  AND NOT EXISTS (SELECT FROM interaction AS earlier
                  WHERE earlier.user_id = opening.user_id AND earlier.event_id = opening.event_id
                    AND earlier.kind IN ('recall', 'workspace')
                    AND (earlier.timestamp, earlier.id) < (opening.timestamp, opening.id));

CREATE OR REPLACE VIEW events_by_day AS
SELECT day,
       count(*)                                  AS events,
       count(*) FILTER (WHERE good_outcome)      AS good_outcome,
       count(*) FILTER (WHERE NOT good_outcome)  AS no_good_outcome,
       count(time_to_first_peel)                 AS peeled,
       extract(epoch FROM percentile_cont(0.5) WITHIN GROUP (ORDER BY time_to_first_peel))::float8
                                                 AS median_seconds_to_first_peel
FROM opened_event
GROUP BY day;

CREATE OR REPLACE VIEW artifact_interactions_by_day AS
SELECT (timestamp AT TIME ZONE 'UTC')::date AS day, kind, artifact_id, count(*) AS interactions
FROM interaction
WHERE artifact_id IS NOT NULL AND kind NOT IN ('recall', 'workspace')
GROUP BY 1, 2, 3;

COMMENT ON VIEW active_users_by_day IS 'People who did something that day (UTC).';
COMMENT ON VIEW opened_event IS 'Each event that has its recall or workspace, by the day of that. Good outcome: something was kept or marked good.';
COMMENT ON VIEW events_by_day IS 'Events by the day (UTC) they were opened on, and what came of them until now.';
COMMENT ON VIEW artifact_interactions_by_day IS 'What people did with each artifact that day (UTC), by kind.';

-- Who reads the ledger may read what is counted of it.
DO $$
DECLARE
    reader name;
BEGIN
    FOR reader IN SELECT rolname FROM pg_roles WHERE rolname IN ('app', 'operator', 'analyst') LOOP
        EXECUTE format('GRANT SELECT ON interactions_by_day, event_outcome, artifact_marks, active_users_by_day,'
                       ' opened_event, events_by_day, artifact_interactions_by_day TO %I', reader);
    END LOOP;
END
$$;
