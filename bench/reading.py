"""What the reader's ten questions read of the graph about one user, in db hits: a count that no other load changes."""

from datetime import datetime, timedelta
from typing import Any

import neo4j

from interaction_reader import questions
from interaction_reader.questions import Question


def questions_about(user: str, artifacts: list[str], until: datetime) -> dict[str, Question[Any]]:
    """Return each of the ten questions about this user, by the name of its text in `interaction_reader.cypher`."""
    return {
        "HISTORY": questions.history(user, artifacts[:10]),
        "KEPT_NEAR": questions.kept_near(user, "Invoice"),
        "OPINIONS": questions.opinions(user),
        "PEELED_TOGETHER": questions.peeled_together(user, artifacts[0]),
        "SCORES": questions.scores(user),
        "LATEST_RESULTS": questions.ignored(user),
        "RECENT_EVENTS": questions.recent_events(user),
        "SIMILAR_RECALLS": questions.similar_recalls(user, "invoice final"),
        "SESSION": questions.session(user, until - timedelta(days=1), until),
        "TOTALS": questions.totals(user),
    }


def db_hits(session: neo4j.Session, question: Question[Any]) -> int:
    """Run the question and return its db hits."""

    def hits(plan: Any) -> int:
        return int(plan.get("dbHits", 0)) + sum(map(hits, plan.get("children", [])))

    return hits(session.run(f"PROFILE {question.text}", question.parameters).consume().profile)


def hits_of(session: neo4j.Session, user: str, until: datetime) -> dict[str, int]:
    """Return the db hits of each question about this user, of the artifacts that the user touched."""
    found = session.run("MATCH (a:Artifact {user_id: $user}) RETURN a.id ORDER BY a.id LIMIT 10", user=user)
    artifacts = [record["a.id"] for record in found]
    return {name: db_hits(session, one) for name, one in questions_about(user, artifacts, until).items()}
