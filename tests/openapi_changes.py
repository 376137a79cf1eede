"""Finds what in a new OpenAPI document breaks a client that was written for an old one.

`python -m tests.openapi_changes` accepts the present document as the released one: at a release, or for a breaking
change that is wanted.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from local.front.docs_page import DOCUMENT

RELEASED = Path(__file__).with_name("released_openapi.json")
# Bounds of what a client may send: a change in one direction refuses what was accepted.
LOWER_BOUNDS = ("minLength", "minItems", "minimum", "minProperties")
UPPER_BOUNDS = ("maxLength", "maxItems", "maximum", "maxProperties")
Direction = Literal["sent", "answered"]
Json = dict[str, Any]


def breaking(old: Json, new: Json) -> list[str]:
    """Return what breaks, each with its place."""
    return list(_paths(old, new))


def _paths(old: Json, new: Json) -> Iterator[str]:
    for path, methods in old["paths"].items():
        for method, operation in methods.items():
            name = f"{method.upper()} {path}"
            if method not in new["paths"].get(path, {}):
                yield f"{name}: removed"
                continue
            yield from _operation(name, operation, new["paths"][path][method], old, new)


def _operation(name: str, old: Json, new: Json, old_root: Json, new_root: Json) -> Iterator[str]:
    known = {one["name"] for one in old.get("parameters", [])}
    for one in new.get("parameters", []):
        if one["name"] not in known and one.get("required"):
            yield f"{name}: parameter {one['name']} is new and required"
    pairs: list[tuple[str, Direction, Json, Json | None]] = [
        (f"{name}, {status}", "answered", answer, new["responses"].get(status))
        for status, answer in old["responses"].items()
    ]
    if "requestBody" in old:
        pairs.append((f"{name}, body", "sent", old["requestBody"], new.get("requestBody")))
    for place, direction, before, after in pairs:
        if after is None:
            yield f"{place}: removed"
            continue
        for media_type, content in before["content"].items():
            if media_type not in after["content"]:
                yield f"{place}: {media_type} removed"
                continue
            changed = after["content"][media_type]["schema"]
            yield from _schema(place, direction, content["schema"], changed, old_root, new_root)


def _schema(
    place: str, direction: Direction, before: Json, after: Json, old_root: Json, new_root: Json
) -> Iterator[str]:
    old, new = _resolved(before, old_root), _resolved(after, new_root)
    yield from _values(place, direction, old, new)
    yield from _properties(place, direction, old, new)
    for name, schema in old.get("properties", {}).items():
        if name in new.get("properties", {}):
            below = (f"{place}.{name}", direction, schema, new["properties"][name], old_root, new_root)
            yield from _schema(*below)
    if "items" in old and "items" in new:
        yield from _schema(f"{place}[]", direction, old["items"], new["items"], old_root, new_root)


def _values(place: str, direction: Direction, old: Json, new: Json) -> Iterator[str]:
    before, after = _types(old), _types(new)
    if lost := before - after if direction == "sent" else after - before:
        yield f"{place}: {', '.join(sorted(lost))} {'no longer taken' if direction == 'sent' else 'is new'}"
    values, now = set(old.get("enum", [])), set(new.get("enum", []))
    if lost := values - now if direction == "sent" else now - values:
        yield f"{place}: {', '.join(sorted(lost))} {'no longer taken' if direction == 'sent' else 'is new'}"
    if direction == "sent":
        for bounds, sign in ((LOWER_BOUNDS, 1), (UPPER_BOUNDS, -1)):
            for bound in bounds:
                if bound in new and (bound not in old or sign * new[bound] > sign * old[bound]):
                    yield f"{place}: {bound} is now {new[bound]}"


def _properties(place: str, direction: Direction, old: Json, new: Json) -> Iterator[str]:
    for name in old.get("properties", {}):
        if name not in new.get("properties", {}):
            yield f"{place}.{name}: removed"
    before, after = set(old.get("required", [])), set(new.get("required", []))
    if direction == "sent":
        yield from (f"{place}.{name}: now required" for name in sorted(after - before))
    else:
        yield from (f"{place}.{name}: may be absent now" for name in sorted(before - after))


def _types(schema: Json) -> set[str]:
    alternatives = schema.get("anyOf", [schema])
    types = [one.get("type", []) for one in alternatives]
    return {name for one in types for name in ([one] if isinstance(one, str) else one)}


def _resolved(schema: Json, root: Json) -> Json:
    if "$ref" not in schema:
        return schema
    found: Json = root["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return found


if __name__ == "__main__":
    json.loads(DOCUMENT.read_text())
    RELEASED.write_text(DOCUMENT.read_text())
