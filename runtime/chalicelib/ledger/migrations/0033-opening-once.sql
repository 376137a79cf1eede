-- What a recall's metadata says is looked up once for each event, not once for each use of it.

CREATE OR REPLACE VIEW event_opening AS
SELECT day, user_id, event_id, kind, timestamp AS opened_at, said.query, said.results
FROM counted_interaction AS opening
-- OFFSET keeps it a step of its own.
CROSS JOIN LATERAL (SELECT CASE opening.kind WHEN 'recall' THEN normal_query(opening.metadata) END  AS query,
                           CASE opening.kind WHEN 'recall' THEN shown_results(opening.metadata) END AS results
                    OFFSET 0) AS said
WHERE kind IN ('recall', 'workspace')
  AND NOT dated_ahead
  AND NOT EXISTS (SELECT FROM interaction AS earlier
                  WHERE earlier.user_id = opening.user_id AND earlier.event_id = opening.event_id
                    AND earlier.kind IN ('recall', 'workspace')
                    AND (earlier.timestamp, earlier.id) < (opening.timestamp, opening.id));
