"""The ten questions: each function returns one for `Reader.ask`. Lists come best or latest first, at most `limit` long.

`user_id` is the subject of the user's tokens; nothing of anyone else's is read.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, LiteralString, TypeVar

from interaction_reader import answers, cypher

Answer = TypeVar("Answer")
Record = Mapping[str, Any]
MAX_WORDS = 32  # of a query: each is looked for in every recall of the user


@dataclass(frozen=True)
class Question(Generic[Answer]):
    """A Cypher text with its parameters, and what makes an answer of the records."""

    text: LiteralString
    parameters: dict[str, Any]
    answer: Callable[[Sequence[Record]], Answer]


def history(user_id: str, artifact_ids: Iterable[str]) -> Question[dict[str, answers.History]]:
    """Ask what the user did with each of these artifacts, to rerank them; by artifact, without those never touched."""
    return Question(
        cypher.HISTORY,
        {"user_id": user_id, "artifact_ids": list(dict.fromkeys(artifact_ids))},
        lambda records: {one["artifact_id"]: answers.History(**one) for one in records},
    )


def kept_near(user_id: str, query: str, *, limit: int = 50) -> Question[list[answers.Kept]]:
    """Ask what the user keeps from events whose query contains one of the first 32 words of this one."""
    return _list(answers.Kept, cypher.KEPT_NEAR, user_id=user_id, words=_words(query), limit=limit)


def opinions(user_id: str, *, limit: int = 1000) -> Question[list[answers.Opinion]]:
    """Ask for the user's latest mark on each artifact that they marked."""
    return _list(answers.Opinion, cypher.OPINIONS, user_id=user_id, limit=limit)


def peeled_together(user_id: str, artifact_id: str, *, limit: int = 50) -> Question[list[answers.Companion]]:
    """Ask which artifacts the user peeled in the same events as this one, and in how many."""
    return _list(answers.Companion, cypher.PEELED_TOGETHER, user_id=user_id, artifact_id=artifact_id, limit=limit)


def scores(user_id: str, *, half_life_days: float = 30, limit: int = 50) -> Question[list[answers.Score]]:
    """Ask which artifacts the user likes now.

    A peel weighs 1, a keep 3, a good mark 5, a bad mark -5; after each half-life, half as much. What was taken back
    does not count.
    """
    return _list(answers.Score, cypher.SCORES, user_id=user_id, half_life_days=float(half_life_days), limit=limit)


def ignored(user_id: str, *, recalls: int = 50, limit: int = 50) -> Question[list[answers.Ignored]]:
    """Ask which results the user's latest recalls showed and the user touched in none of them.

    Only recalls whose metadata is in the graph count (4 KiB: about 90 results), and of these the ones with `results`.
    """

    def answer(records: Sequence[Record]) -> list[answers.Ignored]:
        shown = Counter(id_ for one in records for id_ in _results(one["metadata"]))
        touched = {id_ for one in records for id_ in one["touched"]}
        found = sorted((-times, id_) for id_, times in shown.items() if id_ not in touched)
        return [answers.Ignored(artifact_id=id_, recalls=-times) for times, id_ in found[:limit]]

    return Question(cypher.LATEST_RESULTS, {"user_id": user_id, "recalls": recalls}, answer)


def recent_events(user_id: str, *, limit: int = 20) -> Question[list[answers.Event]]:
    """Ask for the user's latest recalls and workspaces."""
    return _list(answers.Event, cypher.RECENT_EVENTS, user_id=user_id, limit=limit)


def similar_recalls(user_id: str, query: str, *, limit: int = 20) -> Question[list[answers.Similar]]:
    """Ask for the user's earlier recalls whose query shares words with this one, and what they kept in them.

    Of the query's words the first 32 different ones count.
    """
    return _list(answers.Similar, cypher.SIMILAR_RECALLS, user_id=user_id, words=_words(query), limit=limit)


def session(user_id: str, since: datetime, until: datetime, *, limit: int = 1000) -> Question[list[answers.Touch]]:
    """Ask what the user touched from `since` until before `until`, both with an offset, in order."""
    return _list(answers.Touch, cypher.SESSION, user_id=user_id, since=since, until=until, limit=limit)


def totals(user_id: str) -> Question[answers.Totals | None]:
    """Ask how much the user did in all; None for a user whom the graph does not know."""
    return Question(
        cypher.TOTALS,
        {"user_id": user_id},
        lambda records: answers.Totals(**records[0]) if records else None,
    )


def _list(row: Callable[..., Answer], text: LiteralString, **parameters: Any) -> Question[list[Answer]]:
    return Question(text, parameters, lambda records: [row(**one) for one in records])


def _words(query: str) -> list[str]:
    return list(dict.fromkeys(query.lower().split()))[:MAX_WORDS]


def _results(metadata: str | None) -> list[str]:
    found = json.loads(metadata).get("results") if metadata else None
    return list(dict.fromkeys(one for one in found if isinstance(one, str))) if isinstance(found, list) else []
