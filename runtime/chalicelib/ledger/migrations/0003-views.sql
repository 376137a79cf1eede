-- What people ask, as views. CREATE OR REPLACE keeps the grants; columns are only ever added at the end.

CREATE OR REPLACE VIEW interactions_by_day AS
SELECT (timestamp AT TIME ZONE 'UTC')::date AS day, kind, count(*) AS interactions, count(DISTINCT user_id) AS users
FROM interaction
GROUP BY 1, 2;

CREATE OR REPLACE VIEW event_outcome AS
SELECT user_id,
       event_id,
       min(timestamp) FILTER (WHERE kind IN ('recall', 'workspace')) AS opened_at,
       count(*) FILTER (WHERE kind = 'peel')                         AS peels,
       count(*) FILTER (WHERE kind = 'keep')                         AS keeps,
       count(*) FILTER (WHERE kind = 'mark_good')                    AS good,
       count(*) FILTER (WHERE kind = 'mark_bad')                     AS bad,
       min(timestamp) FILTER (WHERE kind = 'peel')
         - min(timestamp) FILTER (WHERE kind IN ('recall', 'workspace')) AS time_to_first_peel
FROM interaction
GROUP BY user_id, event_id;

CREATE OR REPLACE VIEW artifact_marks AS
SELECT artifact_id,
       count(*) FILTER (WHERE kind = 'peel')      AS peels,
       count(*) FILTER (WHERE kind = 'keep')      AS keeps,
       count(*) FILTER (WHERE kind = 'mark_good') AS good,
       count(*) FILTER (WHERE kind = 'mark_bad')  AS bad,
       count(DISTINCT user_id)                    AS users
FROM interaction
WHERE artifact_id IS NOT NULL AND kind NOT IN ('recall', 'workspace')
GROUP BY artifact_id;

COMMENT ON VIEW interactions_by_day IS 'Interactions and people a day (UTC) by kind.';
COMMENT ON VIEW event_outcome IS 'What came of each event. opened_at is null for one whose recall never arrived.';
COMMENT ON VIEW artifact_marks IS 'What people did with each artifact.';
