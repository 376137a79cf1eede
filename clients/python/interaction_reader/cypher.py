"""The ten questions in Cypher. Each begins at one user, so what it reads does not grow with other users.

`$user_id` is the subject of the user's tokens. docs/graph.md shows them; a test bounds their db hits.
"""

from typing import Final, LiteralString

HISTORY: Final[LiteralString] = """
UNWIND $artifact_ids AS id
MATCH ()-[r:PEEL|KEEP|MARK_GOOD|MARK_BAD]->(a:Artifact {user_id: $user_id, id: id})
RETURN a.id AS artifact_id, count(CASE type(r) WHEN 'PEEL' THEN 1 END) AS peels,
       count(CASE type(r) WHEN 'KEEP' THEN 1 END) AS keeps, count(CASE type(r) WHEN 'MARK_GOOD' THEN 1 END) AS good,
       count(CASE type(r) WHEN 'MARK_BAD' THEN 1 END) AS bad, max(r.timestamp) AS latest_at
"""

KEPT_NEAR: Final[LiteralString] = """
MATCH (:User {id: $user_id})-[:INITIATED]->(e:RecallEvent)
WHERE any(word IN $words WHERE toLower(e.query) CONTAINS word)
MATCH (e)-[r:KEEP]->(a:Artifact)
WITH a, r, e ORDER BY r.timestamp DESC
WITH a, collect({query: e.query, kept_at: r.timestamp})[0] AS latest
WHERE NOT EXISTS { ()-[back:UNKEEP]->(a) WHERE back.timestamp >= latest.kept_at }
RETURN a.id AS artifact_id, latest.query AS query, latest.kept_at AS kept_at
ORDER BY kept_at DESC LIMIT $limit
"""

OPINIONS: Final[LiteralString] = """
MATCH (:User {id: $user_id})-[:INITIATED]->(:Event)-[r:MARK_GOOD|MARK_BAD|UNMARK]->(a:Artifact)
WITH a, r ORDER BY r.timestamp DESC, r.id DESC
WITH a, collect(r)[0] AS latest WHERE type(latest) <> 'UNMARK'
RETURN a.id AS artifact_id, CASE type(latest) WHEN 'MARK_GOOD' THEN 'good' ELSE 'bad' END AS mark,
       latest.timestamp AS marked_at
ORDER BY marked_at DESC LIMIT $limit
"""

PEELED_TOGETHER: Final[LiteralString] = """
MATCH (a:Artifact {user_id: $user_id, id: $artifact_id})<-[:PEEL]-(e:Event)
WITH DISTINCT a, e
MATCH (e)-[:PEEL]->(other:Artifact) WHERE other <> a
RETURN other.id AS artifact_id, count(DISTINCT e) AS events
ORDER BY events DESC, artifact_id LIMIT $limit
"""

SCORES: Final[LiteralString] = """
MATCH (:User {id: $user_id})-[:INITIATED]->(:Event)-[r:PEEL|KEEP|MARK_GOOD|MARK_BAD]->(a:Artifact)
WHERE NOT EXISTS { ()-[back:UNKEEP]->(a) WHERE type(r) = 'KEEP' AND back.timestamp >= r.timestamp }
  AND NOT EXISTS { ()-[back:UNMARK]->(a) WHERE type(r) STARTS WITH 'MARK' AND back.timestamp >= r.timestamp }
WITH a, CASE type(r) WHEN 'PEEL' THEN 1.0 WHEN 'KEEP' THEN 3.0 WHEN 'MARK_GOOD' THEN 5.0 ELSE -5.0 END AS weight,
     duration.inSeconds(r.timestamp, datetime()).seconds / 86400.0 AS days
RETURN a.id AS artifact_id, sum(weight * 0.5 ^ (days / $half_life_days)) AS score
ORDER BY score DESC, artifact_id LIMIT $limit
"""

# The results are in the event's metadata, as JSON: the reader takes them out.
LATEST_RESULTS: Final[LiteralString] = """
MATCH (:User {id: $user_id})-[:INITIATED]->(e:RecallEvent)
WITH e ORDER BY e.timestamp DESC LIMIT $recalls
RETURN e.metadata AS metadata, COLLECT { MATCH (e)-->(a:Artifact) RETURN DISTINCT a.id } AS touched
"""

RECENT_EVENTS: Final[LiteralString] = """
MATCH (:User {id: $user_id})-[:INITIATED]->(e:Event) WHERE e.timestamp IS NOT NULL
WITH e ORDER BY e.timestamp DESC LIMIT $limit
RETURN e.id AS event_id, e.query AS query, e.timestamp AS opened_at,
       COUNT { MATCH (e)-[:PEEL]->(a) RETURN DISTINCT a } AS peeled,
       COUNT { MATCH (e)-[:KEEP]->(a) RETURN DISTINCT a } AS kept
"""

SIMILAR_RECALLS: Final[LiteralString] = """
MATCH (:User {id: $user_id})-[:INITIATED]->(e:RecallEvent) WHERE e.query IS NOT NULL
WITH e, size([word IN $words WHERE word IN split(toLower(e.query), ' ')]) AS words WHERE words > 0
WITH e, words ORDER BY words DESC, e.timestamp DESC LIMIT $limit
RETURN e.id AS event_id, e.query AS query, e.timestamp AS opened_at, words,
       COLLECT { MATCH (e)-[:KEEP|MARK_GOOD]->(a) RETURN DISTINCT a.id } AS artifact_ids
"""

SESSION: Final[LiteralString] = """
MATCH (:User {id: $user_id})-[:INITIATED]->(e:Event)-[r:PEEL|KEEP|MARK_GOOD|MARK_BAD|UNKEEP|UNMARK]->(a:Artifact)
WHERE $since <= r.timestamp < $until
RETURN e.id AS event_id, e.query AS query, type(r) AS kind, a.id AS artifact_id, r.position AS position,
       r.timestamp AS at
ORDER BY at, kind LIMIT $limit
"""

TOTALS: Final[LiteralString] = """
MATCH (u:User {id: $user_id})
RETURN COUNT { (u)-[:INITIATED]->(:RecallEvent) } AS recalls,
       COUNT { (u)-[:INITIATED]->(:WorkspaceEvent) } AS workspaces,
       COUNT { (u)-[:INITIATED]->()-[:PEEL]->() } AS peels, COUNT { (u)-[:INITIATED]->()-[:KEEP]->() } AS keeps,
       COUNT { (u)-[:INITIATED]->()-[:MARK_GOOD]->() } AS good, COUNT { (u)-[:INITIATED]->()-[:MARK_BAD]->() } AS bad,
       COUNT { MATCH (a:Artifact {user_id: u.id}) RETURN a } AS artifacts
"""
