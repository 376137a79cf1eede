"""The ten questions in Cypher. Each begins at one user, so what it reads does not grow with other users.

`$user_id` is the subject of the user's tokens. docs/graph.md shows them; tests bound their db hits, whatever the user
did: no edge is read once for each other edge. Neo4j keeps plans, and one made in a nearly empty graph reads everybody's
nodes, which are few then. So each text names its index, and gives no label that an edge's type implies.
"""

from typing import Final, LiteralString

HISTORY: Final[LiteralString] = """
UNWIND $artifact_ids AS id
MATCH ()-[r:PEEL|KEEP|MARK_GOOD|MARK_BAD]->(a:Artifact {user_id: $user_id, id: id})
USING INDEX SEEK a:Artifact(user_id, id)
RETURN a.id AS artifact_id, count(CASE type(r) WHEN 'PEEL' THEN 1 END) AS peels,
       count(CASE type(r) WHEN 'KEEP' THEN 1 END) AS keeps, count(CASE type(r) WHEN 'MARK_GOOD' THEN 1 END) AS good,
       count(CASE type(r) WHEN 'MARK_BAD' THEN 1 END) AS bad, max(r.timestamp) AS latest_at
"""

KEPT_NEAR: Final[LiteralString] = """
MATCH (u:User {id: $user_id})-[:INITIATED]->(e:RecallEvent)-[r:KEEP]->(a)
USING INDEX SEEK u:User(id)
WHERE any(query IN [toLower(e.query)] WHERE any(word IN $words WHERE query CONTAINS word))
WITH a, e, r.timestamp AS kept_at ORDER BY kept_at DESC
WITH a, collect(e)[0] AS latest, max(kept_at) AS kept_at
WHERE NOT EXISTS { ()-[back:UNKEEP]->(a) WHERE back.timestamp >= kept_at }
RETURN a.id AS artifact_id, latest.query AS query, kept_at
ORDER BY kept_at DESC LIMIT $limit
"""

OPINIONS: Final[LiteralString] = """
MATCH (u:User {id: $user_id})-[:INITIATED]->()-[r:MARK_GOOD|MARK_BAD|UNMARK]->(a)
USING INDEX SEEK u:User(id)
WITH a, r ORDER BY r.timestamp DESC, r.id DESC
WITH a, collect(r)[0] AS latest WHERE type(latest) <> 'UNMARK'
RETURN a.id AS artifact_id, CASE type(latest) WHEN 'MARK_GOOD' THEN 'good' ELSE 'bad' END AS mark,
       latest.timestamp AS marked_at
ORDER BY marked_at DESC LIMIT $limit
"""

PEELED_TOGETHER: Final[LiteralString] = """
MATCH (a:Artifact {user_id: $user_id, id: $artifact_id})<-[:PEEL]-(e)
USING INDEX SEEK a:Artifact(user_id, id)
WITH DISTINCT a, e
MATCH (e)-[:PEEL]->(other) WHERE other <> a
RETURN other.id AS artifact_id, count(DISTINCT e) AS events
ORDER BY events DESC, artifact_id LIMIT $limit
"""

SCORES: Final[LiteralString] = """
MATCH (u:User {id: $user_id})-[:INITIATED]->()-[:PEEL|KEEP|MARK_GOOD|MARK_BAD]->(a)
USING INDEX SEEK u:User(id)
WITH DISTINCT a
CALL (a) {
  MATCH ()-[back:UNKEEP|UNMARK]->(a)
  RETURN max(CASE type(back) WHEN 'UNKEEP' THEN back.timestamp END) AS unkept_at,
         max(CASE type(back) WHEN 'UNMARK' THEN back.timestamp END) AS unmarked_at
}
MATCH ()-[r:PEEL|KEEP|MARK_GOOD|MARK_BAD]->(a)
WITH a, r, CASE type(r) WHEN 'PEEL' THEN null WHEN 'KEEP' THEN unkept_at ELSE unmarked_at END AS back_at
WHERE back_at IS NULL OR back_at < r.timestamp
WITH a, CASE type(r) WHEN 'PEEL' THEN 1.0 WHEN 'KEEP' THEN 3.0 WHEN 'MARK_GOOD' THEN 5.0 ELSE -5.0 END AS weight,
     duration.inSeconds(r.timestamp, datetime()).seconds / 86400.0 AS days
RETURN a.id AS artifact_id, sum(weight * 0.5 ^ (days / $half_life_days)) AS score
ORDER BY score DESC, artifact_id LIMIT $limit
"""

# The results are in the event's metadata, as JSON: the reader takes them out.
LATEST_RESULTS: Final[LiteralString] = """
MATCH (u:User {id: $user_id})-[:INITIATED]->(e:RecallEvent)
USING INDEX SEEK u:User(id)
WITH e ORDER BY e.timestamp DESC LIMIT $recalls
RETURN e.metadata AS metadata, COLLECT { MATCH (e)-->(a) RETURN DISTINCT a.id } AS touched
"""

RECENT_EVENTS: Final[LiteralString] = """
MATCH (u:User {id: $user_id})-[:INITIATED]->(e)
USING INDEX SEEK u:User(id)
WHERE e.timestamp IS NOT NULL
WITH e ORDER BY e.timestamp DESC LIMIT $limit
RETURN e.id AS event_id, e.query AS query, e.timestamp AS opened_at,
       COUNT { MATCH (e)-[:PEEL]->(a) RETURN DISTINCT a } AS peeled,
       COUNT { MATCH (e)-[:KEEP]->(a) RETURN DISTINCT a } AS kept
"""

SIMILAR_RECALLS: Final[LiteralString] = """
MATCH (u:User {id: $user_id})-[:INITIATED]->(e:RecallEvent)
USING INDEX SEEK u:User(id)
WHERE e.query IS NOT NULL
WITH e, ' ' + toLower(e.query) + ' ' AS query
WITH e, size([word IN $words WHERE query CONTAINS ' ' + word + ' ']) AS words WHERE words > 0
WITH e, words ORDER BY words DESC, e.timestamp DESC LIMIT $limit
RETURN e.id AS event_id, e.query AS query, e.timestamp AS opened_at, words,
       COLLECT { MATCH (e)-[:KEEP|MARK_GOOD]->(a) RETURN DISTINCT a.id } AS artifact_ids
"""

SESSION: Final[LiteralString] = """
MATCH (u:User {id: $user_id})-[:INITIATED]->(e)-[r:PEEL|KEEP|MARK_GOOD|MARK_BAD|UNKEEP|UNMARK]->(a)
USING INDEX SEEK u:User(id)
WHERE $since <= r.timestamp < $until
RETURN e.id AS event_id, e.query AS query, type(r) AS kind, a.id AS artifact_id, r.position AS position,
       r.timestamp AS at
ORDER BY at, kind LIMIT $limit
"""

TOTALS: Final[LiteralString] = """
MATCH (u:User {id: $user_id}) USING INDEX SEEK u:User(id)
OPTIONAL MATCH (u)-[:INITIATED]->(e)
WITH u, count(CASE WHEN e:RecallEvent THEN 1 END) AS recalls,
     count(CASE WHEN e:WorkspaceEvent THEN 1 END) AS workspaces,
     sum(COUNT { (e)-[:PEEL]->() }) AS peels, sum(COUNT { (e)-[:KEEP]->() }) AS keeps,
     sum(COUNT { (e)-[:MARK_GOOD]->() }) AS good, sum(COUNT { (e)-[:MARK_BAD]->() }) AS bad
RETURN recalls, workspaces, peels, keeps, good, bad,
       COUNT { MATCH (a:Artifact {user_id: u.id}) USING INDEX SEEK a:Artifact(user_id) RETURN a } AS artifacts
"""
