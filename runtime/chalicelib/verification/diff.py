"""What should be in the graph against what is, element by element."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from chalicelib.verification.actual import Element


@dataclass
class Look:
    """What was seen of one user, or of nobody's nodes."""

    ledger: int = 0
    """Sum of the digests that the ledger implies."""
    graph: int = 0
    """The same of what the graph holds."""
    missing: list[str] = field(default_factory=list)
    different: list[dict[str, Any]] = field(default_factory=list)
    wrong: list[Element] = field(default_factory=list)
    """What does not belong: the extra ones, and the different ones."""

    @property
    def clean(self) -> bool:
        """Whether both sides are the same."""
        return not (self.missing or self.wrong)

    def counts(self) -> dict[str, int]:
        """Return how many elements are missing, extra and different."""
        extra = len(self.wrong) - len(self.different)
        return {"missing": len(self.missing), "extra": extra, "different": len(self.different)}

    def examples(self, most: int) -> list[dict[str, Any]]:
        """Return some of the differences by their keys; of values only the names are told."""
        told = [{"what": "different", **one} for one in self.different[:most]]
        told += [{"what": "missing", "element": json.loads(key)} for key in self.missing[:most]]
        named = {json.dumps(one["element"]) for one in self.different}
        told += [{"what": "extra", "element": json.loads(e.key)} for e in self.wrong if e.key not in named]
        return told[:most]


def differences(implied: Mapping[str, str], found: Iterable[Element]) -> Look:
    """Compare what should be there, content by key, with what is."""
    seen, right, differing = Look(), set(), {}
    for element in found:
        seen.graph += element.digest
        wanted = implied.get(element.key)
        if wanted == element.content and element.key not in right:
            right.add(element.key)
            continue
        seen.wrong.append(element)
        if wanted is not None and wanted != element.content:
            differing[element.key] = element.content
    for key, content in implied.items():
        seen.ledger += Element(key, content).digest
        if key in right:
            continue
        if key in differing:
            seen.different.append({"element": json.loads(key), "in": _names(content, differing[key])})
        else:
            seen.missing.append(key)
    return seen


def _names(wanted: str, found: str) -> list[str]:
    """Return what differs, by name: the values are what people wrote."""
    sides = [{**side.pop("properties"), **side} for side in (json.loads(wanted), json.loads(found))]
    return sorted(name for name in sides[0] | sides[1] if sides[0].get(name) != sides[1].get(name))
