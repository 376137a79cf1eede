"""What the graph holds of metadata: the key that its readers ask for as a property of its own, the rest as JSON.

This is the one place that chooses those keys: `query` of what opens an event, `position` of what touches an artifact.
A value of another type or size stays in the JSON.
"""

import json
from typing import Any

from chalicelib.interaction import GRAPH_METADATA_BYTES, GRAPH_QUERY_BYTES, MAX_POSITION

_decode = json.JSONDecoder().raw_decode


def of_opening(metadata: str | None) -> dict[str, Any]:
    """Return the properties that this metadata, JSON text as Postgres writes it, gives the event that it opens.

    Long metadata is a marker with its size, so that no user can fill the graph's disk; its `query` is a property all
    the same. Together they have at most `GRAPH_METADATA_BYTES`.
    """
    return _split(metadata, "query")


def of_touch(metadata: str | None) -> dict[str, Any]:
    """Return the properties that it gives an edge: the same, with `position`."""
    return _split(metadata, "position")


def _split(metadata: str | None, name: str) -> dict[str, Any]:
    if metadata is None:
        return {}
    found, rest = _take(metadata, name)
    size = len(metadata.encode())
    if size > GRAPH_METADATA_BYTES:
        rest = f'{{"only_in_ledger_bytes": {size}}}'
    # Few keys: Neo4j reads each of them for each row.
    return {"metadata": rest} if found is None else {"metadata": rest, name: found}


def _take(text: str, name: str) -> tuple[str | int | None, str | None]:
    """Return the value of that key, if it is a property, and the text without the pair; None if nothing else is left.

    The text is cut, not written again: so numbers stay as they are.
    """
    if f'"{name}": ' not in text:
        return None, text
    start = 1
    while start < len(text) - 1:
        key, colon = _decode(text, start)
        value, end = _decode(text, colon + len(": "))
        if key == name:
            found = _query(value) if name == "query" else _position(value)
            return (None, text) if found is None else (found, _without(text, start, end))
        start = end + len(", ")
    return None, text


def _without(text: str, start: int, end: int) -> str | None:
    if text[end] == ",":
        return text[:start] + text[end + len(", ") :]
    return text[: start - len(", ")] + text[end:] if start > 1 else None


def _query(value: Any) -> str | None:
    return value if isinstance(value, str) and 0 < len(value.encode()) <= GRAPH_QUERY_BYTES else None


def _position(value: Any) -> int | None:
    whole = isinstance(value, int | float) and not isinstance(value, bool) and value == value // 1
    return int(value) if whole and 1 <= value <= MAX_POSITION else None
