-- An artifact's latest word is found by sorting what was said of it once, so a user who says much costs little.

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
                WHERE said.user_id = opening.user_id AND said.event_id = opening.event_id
                  AND said.kind IN ('keep', 'unkeep', 'mark_good', 'mark_bad', 'unmark')
                GROUP BY said.artifact_id
                HAVING (array_agg(said.kind ORDER BY said.timestamp DESC, said.id DESC)
                        FILTER (WHERE said.kind IN ('keep', 'unkeep')))[1] = 'keep'
                    OR (array_agg(said.kind ORDER BY said.timestamp DESC, said.id DESC)
                        FILTER (WHERE said.kind IN ('mark_good', 'mark_bad', 'unmark')))[1] = 'mark_good')
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
