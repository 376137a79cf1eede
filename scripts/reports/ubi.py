"""User Behavior Insights 1.3, as OpenSearch and Quepid read it: a file of queries and one of events, as JSON Lines.

UBI's schemas want exactly one of two forms of `query_id` and `action_name`, and a UUID, or a word of their own list,
fits both: so a query's id is a digest of user and event, and an action is our own kind.
"""

import hashlib
import json
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from scripts.common.output_files import PRIVATE, replace_file

APPLICATION = "interaction-tracker"
MAX_ID = 100  # characters of UBI's ids
MAX_MESSAGE = 1024
MAX_RESULTS, MAX_POSITION = 200, 10_000
KNOWN_EVENTS = 100_000  # whose results are kept in memory, for the rank of what is touched later

Record = dict[str, Any]


def write(folder: Path, interactions: Iterable[Mapping[str, Any]]) -> int:
    """Write ubi_queries.ndjson and ubi_events.ndjson, which appear once they are complete; return how many records."""
    number = 0
    with (
        replace_file(folder / "ubi_queries.ndjson", mode=PRIVATE) as queries,
        replace_file(folder / "ubi_events.ndjson", mode=PRIVATE) as events,
    ):
        for name, record in records(interactions):
            (queries if name == "queries" else events).write(json.dumps(record) + "\n")
            number += 1
    return number


def records(interactions: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, Record]]:
    """Yield ("queries" or "events", record) for each interaction that UBI has a form for; a workspace has none."""
    shown: OrderedDict[str, list[str]] = OrderedDict()
    for one in interactions:
        metadata = json.loads(one["metadata"] or "{}")
        query = _query_id(one)
        if one["kind"] == "recall":
            results = _results(metadata)
            shown[query] = results or []
            if len(shown) > KNOWN_EVENTS:
                shown.popitem(last=False)
            if isinstance(metadata.get("query"), str):
                yield "queries", _of_query(one, metadata, query, results)
        elif one["kind"] != "workspace":
            yield "events", _of_event(one, query, _position(metadata) or _rank(one, shown.get(query, [])))


def _of_query(one: Mapping[str, Any], metadata: Record, query: str, results: list[str] | None) -> Record:
    record = _common(one, query) | {
        "user_query": metadata["query"],
        "query_attributes": {"event_id": one["event_id"]},
    }
    return record if results is None else record | {"query_response_hit_ids": results}


def _of_event(one: Mapping[str, Any], query: str, position: int | None) -> Record:
    record = _common(one, query) | {"action_name": one["kind"]}
    if len(one["user_id"]) <= MAX_ID:
        record["user_id"] = one["user_id"]
    if position is None:  # UBI has no event with an object and without its position
        return record | {"message": one["artifact_id"][:MAX_MESSAGE]}
    return record | {
        "event_attributes": {"object": {"object_id": one["artifact_id"]}, "position": {"ordinal": position}}
    }


def _common(one: Mapping[str, Any], query: str) -> Record:
    return {
        "application": APPLICATION,
        "query_id": query,
        "client_id": one["user_id"][:MAX_ID],
        "timestamp": one["timestamp"],
    }


def _query_id(one: Mapping[str, Any]) -> str:
    return hashlib.sha256(f"{one['user_id']}/{one['event_id']}".encode()).hexdigest()


def _results(metadata: Record) -> list[str] | None:
    found = metadata.get("results")
    if not isinstance(found, list) or len(found) > MAX_RESULTS or not all(isinstance(id_, str) for id_ in found):
        return None
    return found


def _position(metadata: Record) -> int | None:
    found = metadata.get("position")
    if isinstance(found, bool) or not isinstance(found, int | float):
        return None
    return int(found) if 1 <= found <= MAX_POSITION and found % 1 == 0 else None


def _rank(one: Mapping[str, Any], results: list[str]) -> int | None:
    return results.index(one["artifact_id"]) + 1 if one["artifact_id"] in results else None
