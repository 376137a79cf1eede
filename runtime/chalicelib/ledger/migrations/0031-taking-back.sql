-- A keep and a mark can be taken back: `unkeep` and `unmark`. Clicks of both kinds are counted beside the others, and what
-- was taken back in its event is no good outcome.

CREATE OR REPLACE VIEW artifact_marks AS
SELECT artifact_id,
       count(*) FILTER (WHERE kind = 'peel')      AS peels,
       count(*) FILTER (WHERE kind = 'keep')      AS keeps,
       count(*) FILTER (WHERE kind = 'mark_good') AS good,
       count(*) FILTER (WHERE kind = 'mark_bad')  AS bad,
       count(DISTINCT user_id)                    AS users,
       count(*) FILTER (WHERE kind = 'unkeep')    AS unkeeps,
       count(*) FILTER (WHERE kind = 'unmark')    AS unmarks
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
       (array_agg(kind ORDER BY timestamp, id) FILTER (WHERE kind IN ('recall', 'workspace')))[1] AS kind,
       count(*) FILTER (WHERE kind = 'unkeep')                       AS unkeeps,
       count(*) FILTER (WHERE kind = 'unmark')                       AS unmarks
FROM counted_interaction
GROUP BY user_id, event_id;

-- Few events have something taken back or marked again; only of these each artifact's latest word is looked up.
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
       CASE WHEN later.keeps + later.good = 0 THEN false
            WHEN later.taken_back = 0 THEN true
            ELSE EXISTS (
                SELECT FROM interaction AS said
                WHERE said.user_id = opening.user_id AND said.event_id = opening.event_id AND said.kind IN ('keep', 'mark_good')
                  AND NOT EXISTS (SELECT FROM interaction AS back
                                  WHERE back.user_id = said.user_id AND back.event_id = said.event_id
                                    AND back.artifact_id = said.artifact_id
                                    AND (back.timestamp, back.id) > (said.timestamp, said.id)
                                    AND back.kind IN (CASE said.kind WHEN 'keep' THEN 'unkeep' ELSE 'unmark' END,
                                                      CASE said.kind WHEN 'mark_good' THEN 'mark_bad' END)))
       END                                     AS good_outcome,
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
           min(array_position(opening.results, artifact_id)) FILTER (WHERE kind = 'peel') AS first_rank,
           count(*) FILTER (WHERE kind IN ('unkeep', 'unmark', 'mark_bad')) AS taken_back
    FROM interaction
    WHERE user_id = opening.user_id AND event_id = opening.event_id
) AS later;

COMMENT ON COLUMN artifact_marks.unkeeps IS 'number of keeps taken back, repeated ones too';
COMMENT ON COLUMN artifact_marks.unmarks IS 'number of marks taken back, repeated ones too';
COMMENT ON COLUMN event_outcome.unkeeps IS 'number of keeps taken back';
COMMENT ON COLUMN event_outcome.unmarks IS 'number of marks taken back';
COMMENT ON COLUMN opened_event.good_outcome IS 'whether something was kept or marked good in it, and not taken back in it';
COMMENT ON COLUMN interaction.kind IS 'recall, workspace, peel, keep, mark_good, mark_bad, unkeep (takes a keep back), unmark (takes a mark back)';
