-- Views that mean what they say. What every view below leaves out or sets apart is written once, in `counted_interaction`.

CREATE TABLE IF NOT EXISTS excluded_user (
    user_id     text PRIMARY KEY,
    excluded_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE excluded_user IS 'People who test: no view counts what they do. Operators fill it with `exclude-user`.';

GRANT SELECT ON excluded_user TO app;
GRANT SELECT, INSERT, DELETE ON excluded_user TO operator;

-- The documented form of a recall's `metadata.results`: an array of at most 200 different ids, as of `artifact_id`.
CREATE OR REPLACE FUNCTION shown_results(metadata jsonb) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN jsonb_typeof(metadata -> 'results') = 'array' THEN
    CASE WHEN jsonb_array_length(metadata -> 'results') <= 200 THEN (
        SELECT CASE WHEN count(*) = count(DISTINCT id)
                     AND count(*) = count(*) FILTER (WHERE jsonb_typeof(id) = 'string' AND length(id #>> '{}') BETWEEN 1 AND 256)
                    THEN coalesce(array_agg(id #>> '{}' ORDER BY place), '{}') END
        FROM jsonb_array_elements(metadata -> 'results') WITH ORDINALITY AS result (id, place)
    ) END
END;

-- The documented form of `metadata.position`: a whole number from 1 to 10,000.
CREATE OR REPLACE FUNCTION shown_position(metadata jsonb) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN jsonb_typeof(metadata -> 'position') = 'number' THEN
    CASE WHEN (metadata -> 'position')::numeric BETWEEN 1 AND 10000
          AND (metadata -> 'position')::numeric = trunc((metadata -> 'position')::numeric)
         THEN (metadata -> 'position')::integer END
END;

-- A query as people mean it: letters in one case, single spaces.
CREATE OR REPLACE FUNCTION normal_query(metadata jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN jsonb_typeof(metadata -> 'query') = 'string'
            THEN nullif(btrim(regexp_replace(lower(metadata ->> 'query'), '\s+', ' ', 'g')), '') END;

-- A difference of times can be in an index; a time plus an interval cannot.
CREATE OR REPLACE VIEW counted_interaction AS
SELECT id, user_id, event_id, kind, artifact_id, metadata, timestamp, received_at, stored_at,
       (timestamp AT TIME ZONE 'UTC')::date                 AS day,
       timestamp - received_at > interval '5 minutes'       AS dated_ahead,
       shown_position(metadata)                             AS position
FROM interaction
WHERE NOT EXISTS (SELECT FROM excluded_user WHERE excluded_user.user_id = interaction.user_id);

CREATE OR REPLACE VIEW interactions_by_day AS
SELECT day, kind, count(*) AS interactions, count(DISTINCT user_id) AS users
FROM counted_interaction
WHERE NOT dated_ahead
GROUP BY day, kind;

CREATE OR REPLACE VIEW active_users_by_day AS
SELECT day, count(DISTINCT user_id) AS users, count(*) AS interactions
FROM counted_interaction
WHERE NOT dated_ahead
GROUP BY day;

CREATE OR REPLACE VIEW dated_ahead_by_day AS
SELECT (received_at AT TIME ZONE 'UTC')::date AS received_day, kind, count(*) AS interactions, count(DISTINCT user_id) AS users
FROM counted_interaction
WHERE timestamp - received_at > interval '5 minutes'
GROUP BY 1, 2;

CREATE OR REPLACE VIEW artifact_interactions_by_day AS
SELECT day, kind, artifact_id, count(*) AS interactions
FROM counted_interaction
WHERE artifact_id IS NOT NULL AND kind NOT IN ('recall', 'workspace') AND NOT dated_ahead
GROUP BY day, kind, artifact_id;

CREATE OR REPLACE VIEW artifact_marks AS
SELECT artifact_id,
       count(*) FILTER (WHERE kind = 'peel')      AS peels,
       count(*) FILTER (WHERE kind = 'keep')      AS keeps,
       count(*) FILTER (WHERE kind = 'mark_good') AS good,
       count(*) FILTER (WHERE kind = 'mark_bad')  AS bad,
       count(DISTINCT user_id)                    AS users
FROM counted_interaction
WHERE artifact_id IS NOT NULL AND kind NOT IN ('recall', 'workspace')
GROUP BY artifact_id;

CREATE OR REPLACE VIEW event_outcome AS
SELECT user_id,
       event_id,
       min(timestamp) FILTER (WHERE kind IN ('recall', 'workspace')) AS opened_at,
       count(*) FILTER (WHERE kind = 'peel')                         AS peels,
       count(*) FILTER (WHERE kind = 'keep')                         AS keeps,
       count(*) FILTER (WHERE kind = 'mark_good')                    AS good,
       count(*) FILTER (WHERE kind = 'mark_bad')                     AS bad,
       CASE WHEN min(timestamp) FILTER (WHERE kind = 'peel') >= min(timestamp) FILTER (WHERE kind IN ('recall', 'workspace'))
            THEN min(timestamp) FILTER (WHERE kind = 'peel')
                 - min(timestamp) FILTER (WHERE kind IN ('recall', 'workspace')) END AS time_to_first_peel,
       (array_agg(kind ORDER BY timestamp, id) FILTER (WHERE kind IN ('recall', 'workspace')))[1] AS kind
FROM counted_interaction
GROUP BY user_id, event_id;

-- Of several recalls of one event the earliest opens it. No grouping here: a day must reach the table by its index.
CREATE OR REPLACE VIEW event_opening AS
SELECT day, user_id, event_id, kind, timestamp AS opened_at,
       CASE kind WHEN 'recall' THEN normal_query(metadata) END  AS query,
       CASE kind WHEN 'recall' THEN shown_results(metadata) END AS results
FROM counted_interaction AS opening
WHERE kind IN ('recall', 'workspace')
  AND NOT dated_ahead
  AND NOT EXISTS (SELECT FROM interaction AS earlier
                  WHERE earlier.user_id = opening.user_id AND earlier.event_id = opening.event_id
                    AND earlier.kind IN ('recall', 'workspace')
                    AND (earlier.timestamp, earlier.id) < (opening.timestamp, opening.id));

CREATE OR REPLACE VIEW opened_event AS
SELECT opening.day,
       opening.user_id,
       opening.event_id,
       opening.kind,
       opening.opened_at,
       later.peels,
       later.keeps,
       later.good,
       later.bad,
       later.keeps + later.good > 0            AS good_outcome,
       CASE WHEN later.first_peel_at >= opening.opened_at THEN later.first_peel_at - opening.opened_at END
                                               AS time_to_first_peel,
       CASE WHEN later.first_peel_at IS NULL THEN 'never'
            WHEN later.first_peel_at < opening.opened_at THEN 'before it opened'
            ELSE 'after it opened' END         AS first_peel,
       opening.query,
       cardinality(opening.results)            AS shown,
       later.first_rank,
       CASE WHEN opening.results IS NOT NULL THEN coalesce(1.0 / later.first_rank, 0) END::float8 AS reciprocal_rank
FROM event_opening AS opening
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE kind = 'peel')       AS peels,
           count(*) FILTER (WHERE kind = 'keep')       AS keeps,
           count(*) FILTER (WHERE kind = 'mark_good')  AS good,
           count(*) FILTER (WHERE kind = 'mark_bad')   AS bad,
           min(timestamp) FILTER (WHERE kind = 'peel') AS first_peel_at,
           min(array_position(opening.results, artifact_id)) FILTER (WHERE kind = 'peel') AS first_rank
    FROM interaction
    WHERE user_id = opening.user_id AND event_id = opening.event_id
) AS later;

CREATE OR REPLACE VIEW events_by_day AS
SELECT day,
       count(*)                                      AS events,
       count(*) FILTER (WHERE good_outcome)          AS good_outcome,
       count(*) FILTER (WHERE NOT good_outcome)      AS no_good_outcome,
       count(*) FILTER (WHERE first_peel <> 'never') AS peeled,
       extract(epoch FROM percentile_cont(0.5) WITHIN GROUP (ORDER BY time_to_first_peel))::float8
                                                     AS median_seconds_to_first_peel,
       kind,
       count(*) FILTER (WHERE first_peel = 'before it opened') AS peeled_before_it_opened,
       count(reciprocal_rank)                        AS with_results,
       avg(reciprocal_rank)                          AS mean_reciprocal_rank
FROM opened_event
GROUP BY day, kind;

-- Each step is a share of the one before.
CREATE OR REPLACE VIEW funnel_by_day AS
SELECT day,
       count(*)                                                      AS recalls,
       count(*) FILTER (WHERE peels > 0)                             AS peeled,
       count(*) FILTER (WHERE peels > 0 AND keeps > 0)               AS kept,
       count(*) FILTER (WHERE peels > 0 AND keeps > 0 AND good > 0)  AS marked_good
FROM opened_event
WHERE kind = 'recall'
GROUP BY day;

CREATE OR REPLACE VIEW query_outcomes_by_day AS
SELECT day,
       query,
       count(*)                                 AS recalls,
       count(DISTINCT user_id)                  AS users,
       count(*) FILTER (WHERE peels > 0)        AS peeled,
       count(*) FILTER (WHERE good_outcome)     AS good_outcome,
       count(*) FILTER (WHERE bad > 0)          AS marked_bad,
       count(*) FILTER (WHERE shown = 0)        AS without_result,
       avg(reciprocal_rank)                     AS mean_reciprocal_rank
FROM opened_event
WHERE kind = 'recall' AND query IS NOT NULL
GROUP BY day, query;

CREATE OR REPLACE VIEW impression AS
SELECT opening.day,
       opening.user_id,
       opening.event_id,
       opening.query,
       shown.position::integer AS position,
       shown.artifact_id,
       coalesce(shown.artifact_id = ANY (later.peeled), false) AS peeled,
       coalesce(shown.artifact_id = ANY (later.kept), false)   AS kept,
       coalesce(shown.artifact_id = ANY (later.good), false)   AS good,
       coalesce(shown.artifact_id = ANY (later.bad), false)    AS bad
FROM event_opening AS opening
CROSS JOIN LATERAL (
    SELECT array_agg(artifact_id) FILTER (WHERE kind = 'peel')      AS peeled,
           array_agg(artifact_id) FILTER (WHERE kind = 'keep')      AS kept,
           array_agg(artifact_id) FILTER (WHERE kind = 'mark_good') AS good,
           array_agg(artifact_id) FILTER (WHERE kind = 'mark_bad')  AS bad
    FROM interaction
    WHERE user_id = opening.user_id AND event_id = opening.event_id
) AS later
CROSS JOIN LATERAL unnest(opening.results) WITH ORDINALITY AS shown (artifact_id, position);

CREATE OR REPLACE VIEW results_by_rank AS
SELECT day,
       position,
       true                             AS listed,
       count(*)                         AS shown,
       count(*) FILTER (WHERE peeled)   AS peeled,
       count(*) FILTER (WHERE kept)     AS kept,
       count(*) FILTER (WHERE good)     AS good,
       count(*) FILTER (WHERE bad)      AS bad
FROM impression
GROUP BY day, position
UNION ALL
SELECT day,
       position,
       false,
       NULL,
       count(DISTINCT (user_id, event_id, artifact_id)) FILTER (WHERE kind = 'peel'),
       count(DISTINCT (user_id, event_id, artifact_id)) FILTER (WHERE kind = 'keep'),
       count(DISTINCT (user_id, event_id, artifact_id)) FILTER (WHERE kind = 'mark_good'),
       count(DISTINCT (user_id, event_id, artifact_id)) FILTER (WHERE kind = 'mark_bad')
FROM counted_interaction AS touch
WHERE position IS NOT NULL AND kind IN ('peel', 'keep', 'mark_good', 'mark_bad') AND NOT dated_ahead
  AND NOT EXISTS (SELECT FROM event_opening AS opening
                  WHERE opening.user_id = touch.user_id AND opening.event_id = touch.event_id
                    AND touch.artifact_id = ANY (opening.results))
GROUP BY day, position;

-- The latest counts. A clock that is ahead does not make an opinion later than it arrived.
CREATE OR REPLACE VIEW opinion AS
SELECT user_id,
       artifact_id,
       CASE (array_agg(kind ORDER BY at DESC, id DESC) FILTER (WHERE kind IN ('mark_good', 'mark_bad', 'unmark')))[1]
           WHEN 'mark_good' THEN 'good' WHEN 'mark_bad' THEN 'bad' END                                AS mark,
       coalesce((array_agg(kind ORDER BY at DESC, id DESC) FILTER (WHERE kind IN ('keep', 'unkeep')))[1] = 'keep', false)
                                                                                                     AS kept,
       max(at)                                                                                       AS latest_at
FROM (SELECT id, user_id, artifact_id, kind, least(timestamp, received_at) AS at
      FROM counted_interaction
      WHERE artifact_id IS NOT NULL AND kind IN ('keep', 'unkeep', 'mark_good', 'mark_bad', 'unmark')) AS said
GROUP BY user_id, artifact_id;

CREATE OR REPLACE VIEW artifact_opinions AS
SELECT artifact_id,
       count(*) FILTER (WHERE mark = 'good') AS good,
       count(*) FILTER (WHERE mark = 'bad')  AS bad,
       count(*) FILTER (WHERE kept)          AS kept
FROM opinion
GROUP BY artifact_id;

-- A session ends after 30 minutes without an interaction, and at midnight UTC: so a day is read by itself.
CREATE OR REPLACE VIEW user_session AS
SELECT day,
       user_id,
       min(timestamp)                                          AS started_at,
       max(timestamp)                                          AS ended_at,
       count(*)                                                AS interactions,
       count(DISTINCT event_id)                                AS events,
       count(*) FILTER (WHERE kind = 'recall')                 AS recalls,
       count(*) FILTER (WHERE kind = 'peel')                   AS peels,
       count(*) FILTER (WHERE kind IN ('keep', 'mark_good'))   AS keeps_and_good
FROM (SELECT *, count(*) FILTER (WHERE begins) OVER (PARTITION BY user_id, day ORDER BY timestamp, id) AS number
      FROM (SELECT *, (timestamp - lag(timestamp) OVER (PARTITION BY user_id, day ORDER BY timestamp, id)
                       > interval '30 minutes') IS NOT FALSE AS begins
            FROM counted_interaction
            WHERE NOT dated_ahead) AS marked) AS numbered
GROUP BY user_id, day, number;

CREATE OR REPLACE VIEW sessions_by_day AS
SELECT day,
       count(*)                AS sessions,
       count(DISTINCT user_id) AS users,
       extract(epoch FROM percentile_cont(0.5) WITHIN GROUP (ORDER BY ended_at - started_at))::float8 AS median_seconds,
       avg(interactions)::float8 AS mean_interactions
FROM user_session
GROUP BY day;

CREATE OR REPLACE VIEW retention_by_week AS
SELECT first_week,
       (week - first_week) / 7 AS weeks_later,
       count(*)                AS users,
       first_value(count(*)) OVER (PARTITION BY first_week ORDER BY (week - first_week) / 7) AS users_of_first_week
FROM (SELECT user_id, week, min(week) OVER (PARTITION BY user_id) AS first_week
      FROM (SELECT DISTINCT user_id, date_trunc('week', day)::date AS week
            FROM counted_interaction
            WHERE NOT dated_ahead) AS active) AS weeks
GROUP BY first_week, week;

GRANT SELECT ON counted_interaction, interactions_by_day, active_users_by_day, dated_ahead_by_day, artifact_interactions_by_day,
    artifact_marks, event_outcome, event_opening, opened_event, events_by_day,
    funnel_by_day, query_outcomes_by_day, impression, results_by_rank, opinion,
    artifact_opinions, user_session, sessions_by_day, retention_by_week
    TO app, operator, analyst;
