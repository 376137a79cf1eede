-- Numbers of a day that are added up over many days, such as those of each query, are kept as arrays: half a year of them takes a
-- sixteenth of the space of rows.

-- Kept answers are forgotten with each migration; here before the table changes, so that little is rewritten.
DELETE FROM day_answer;
-- squawk-ignore adding-field-with-default
ALTER TABLE day_answer ADD COLUMN IF NOT EXISTS id bigint GENERATED ALWAYS AS IDENTITY;
-- squawk-ignore require-concurrent-index-creation
CREATE UNIQUE INDEX IF NOT EXISTS day_answer_id ON day_answer (id);

CREATE TABLE IF NOT EXISTS day_sums (
    answer_id bigint PRIMARY KEY REFERENCES day_answer (id) ON DELETE CASCADE,
    names     text[] NOT NULL,
    -- Each is a number of one day, and null where a question has fewer.
    -- squawk-ignore prefer-bigint-over-int
    n1        integer[],
    -- squawk-ignore prefer-bigint-over-int
    n2        integer[],
    -- squawk-ignore prefer-bigint-over-int
    n3        integer[],
    -- squawk-ignore prefer-bigint-over-int
    n4        integer[]
);

COMMENT ON TABLE day_sums IS 'What of a kept answer of `stats` is added up over days; it goes with the answer.';
COMMENT ON COLUMN day_sums.names IS 'what the numbers are of, in the same order: queries, artifacts';

GRANT SELECT, INSERT, DELETE ON day_sums TO app, operator;

-- A touch's opening is looked up by its event. Before, the openings of all days were read for the touches of one.
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
-- As `event_opening` has it; LIMIT keeps it a look-up.
LEFT JOIN LATERAL (SELECT CASE WHEN kind = 'recall' AND timestamp - received_at <= interval '5 minutes'
                               THEN shown_results(metadata) END AS results
                   FROM interaction AS opening
                   WHERE opening.user_id = touch.user_id AND opening.event_id = touch.event_id
                     AND opening.kind IN ('recall', 'workspace')
                   ORDER BY opening.timestamp, opening.id LIMIT 1) AS opening ON true
WHERE position IS NOT NULL AND kind IN ('peel', 'keep', 'mark_good', 'mark_bad') AND NOT dated_ahead
  AND (touch.artifact_id = ANY (opening.results)) IS NOT TRUE
GROUP BY day, position;

-- The outcome of each event is found out once, not once for each column. It is never null.
CREATE OR REPLACE VIEW events_by_day AS
SELECT day,
       count(*)                                      AS events,
       count(*) FILTER (WHERE good_outcome)          AS good_outcome,
       count(*) - count(*) FILTER (WHERE good_outcome) AS no_good_outcome,
       count(*) FILTER (WHERE first_peel <> 'never') AS peeled,
       extract(epoch FROM percentile_cont(0.5) WITHIN GROUP (ORDER BY time_to_first_peel))::float8
                                                     AS median_seconds_to_first_peel,
       kind,
       count(*) FILTER (WHERE first_peel = 'before it opened') AS peeled_before_it_opened,
       count(reciprocal_rank)                        AS with_results,
       avg(reciprocal_rank)                          AS mean_reciprocal_rank
FROM opened_event
GROUP BY day, kind;
