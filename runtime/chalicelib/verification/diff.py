"""Compares expected elements with actual ones."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from chalicelib.verification.actual import Element


@dataclass
class Differences:
    """How the graph differs from the ledger: for one user, or for elements that belong to no user."""

    ledger: int = 0
    """Sum of the expected elements' digests."""
    graph: int = 0
    """Sum of the actual elements' digests."""
    missing: list[str] = field(default_factory=list)
    different: list[dict[str, Any]] = field(default_factory=list)
    unexpected: list[Element] = field(default_factory=list)
    """Elements to delete: the extra ones, and those that are different."""

    @property
    def none(self) -> bool:
        """Whether both sides are the same."""
        return not (self.missing or self.unexpected)

    def counts(self) -> dict[str, int]:
        """Return how many elements are missing, extra and different."""
        extra = len(self.unexpected) - len(self.different)
        return {"missing": len(self.missing), "extra": extra, "different": len(self.different)}

    def examples(self, limit: int) -> list[dict[str, Any]]:
        """Return some of the differences by their keys; a value may be personal, so only its name is shown."""
        shown = [{"what": "different", **one} for one in self.different[:limit]]
        shown += [{"what": "missing", "element": json.loads(key)} for key in self.missing[:limit]]
        keys = {json.dumps(one["element"]) for one in self.different}
        shown += [{"what": "extra", "element": json.loads(e.key)} for e in self.unexpected if e.key not in keys]
        return shown[:limit]


def compare(expected: Mapping[str, str], actual: Iterable[Element]) -> Differences:
    """Compare the expected elements, content by key, with the actual ones; of two equal ones the second is extra."""
    found, right, differing = Differences(), set(), {}
    for element in actual:
        found.graph += element.digest
        content = expected.get(element.key)
        if content == element.content and element.key not in right:
            right.add(element.key)
            continue
        found.unexpected.append(element)
        if content is not None and content != element.content:
            differing[element.key] = element.content
    for key, content in expected.items():
        found.ledger += Element(key, content).digest
        if key in right:
            continue
        if key in differing:
            found.different.append({"element": json.loads(key), "in": _names(content, differing[key])})
        else:
            found.missing.append(key)
    return found


def _names(expected: str, actual: str) -> list[str]:
    """Return the names of what differs, without the values."""
    sides = [{**side.pop("properties"), **side} for side in (json.loads(expected), json.loads(actual))]
    return sorted(name for name in sides[0] | sides[1] if sides[0].get(name) != sides[1].get(name))
