"""One user's graph as SVG: events by time at the left, artifacts at the right, an edge for each interaction."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from statistics import fmean
from typing import Any, Final

from markupsafe import Markup

from console.text import artifact as short_artifact
from scripts.common.console import printable

_ROW: Final = 30  # pixels between two events, and between two artifacts
_TOP: Final = 18
_CHARACTER: Final = 6.6
_FIRST_TEXT: Final = re.compile(r':\s*"((?:[^"\\]|\\.)*)')
_MARKS: Final = {"MARK_GOOD": "mark_good", "MARK_BAD": "mark_bad", "UNMARK": "plain"}
_IN_TAB_ORDER: Final = (Markup('tabindex="-1"'), Markup('tabindex="0"'))  # one node is; arrow keys lead to the others
_BENDS: Final = {
    "PEEL": 0,
    "KEEP": 7,
    "MARK_GOOD": -7,
    "MARK_BAD": 14,
    "UNKEEP": -14,
    "UNMARK": 21,
}  # so that edges of a pair lie side by side


@dataclass(frozen=True)
class _Size:
    """Where the two columns stand, and the zone of the times."""

    name: str
    width: int
    events_x: int
    artifacts_x: int
    zone: tzinfo = UTC


_SIZES: Final = (_Size("wide", 1040, 360, 700), _Size("narrow", 360, 132, 262))


def draw(graph: Mapping[str, Sequence[Mapping[str, Any]]], zone: tzinfo = UTC) -> Markup:
    """Return the picture, for wide and for narrow windows: the latest event is at the top.

    Every part has `data-at`, its time in milliseconds, and `data-detail`, what it is as JSON: a script works by
    these. An artifact's colour is its latest mark.
    """
    events = sorted(graph["events"], key=lambda event: event["timestamp"] or "", reverse=True)
    rows = {event["id"]: number for number, event in enumerate(events)}
    edges = [edge for edge in graph["edges"] if edge["event_id"] in rows]
    artifacts = _ordered(edges, rows)
    height = _TOP * 2 + _ROW * max(len(events), len(artifacts), 1)
    return Markup("").join(_drawn(replace(size, zone=zone), height, events, edges, artifacts) for size in _SIZES)


def _ordered(edges: Sequence[Mapping[str, Any]], rows: Mapping[str, int]) -> dict[str, int]:
    """Return a row for each artifact: beside the events that touch it, so that edges cross little."""
    touched: dict[str, list[int]] = {}
    for edge in edges:
        touched.setdefault(edge["artifact_id"], []).append(rows[edge["event_id"]])
    return {artifact: row for row, artifact in enumerate(sorted(touched, key=lambda one: (fmean(touched[one]), one)))}


def _drawn(
    size: _Size,
    height: int,
    events: Sequence[Mapping[str, Any]],
    edges: Sequence[Mapping[str, Any]],
    artifacts: Mapping[str, int],
) -> Markup:
    spread = (height - 2 * _TOP) / max(1, len(artifacts))
    event_y = {event["id"]: _TOP + _ROW * (number + 0.5) for number, event in enumerate(events)}
    artifact_y = {artifact: _TOP + spread * (row + 0.5) for artifact, row in artifacts.items()}
    drawn = [_edge(size, edge, event_y[edge["event_id"]], artifact_y[edge["artifact_id"]]) for edge in edges]
    drawn += [_event(size, event, event_y[event["id"]]) for event in events]
    drawn += [_artifact(size, one, y, [e for e in edges if e["artifact_id"] == one]) for one, y in artifact_y.items()]
    content = Markup("").join(drawn).replace(*_IN_TAB_ORDER, 1)
    title = f"{len(events)} events, {len(edges)} edges, {len(artifacts)} artifacts"
    return Markup(
        '<div class="chart {}"><svg class="graph" viewBox="0 0 {} {}" role="group" aria-label="{}">{}</svg></div>'
    ).format(size.name, size.width, height, title, content)


def _event(size: _Size, event: Mapping[str, Any], y: float) -> Markup:
    kind = (
        "recall" if "RecallEvent" in event["labels"] else "workspace" if "WorkspaceEvent" in event["labels"] else "bare"
    )
    at = event["timestamp"]
    time = f"{datetime.fromisoformat(at).astimezone(size.zone):%d %b %H:%M}" if at else "?"
    query, metadata = event.get("query"), event["metadata"]
    name = query or _headline(metadata) or kind
    label = name if size.name == "narrow" else f"{name} · {time}"
    detail = {"event": event["id"], "kind": kind, "time": at, "query": query, "metadata": _whole(metadata)}
    if kind == "workspace":
        drawn = Markup('<path class="fill-workspace" d="M{} {:.1f}h12v12h-12z"/>').format(size.events_x - 6, y - 6)
    else:
        drawn = Markup('<circle class="fill-{}" cx="{}" cy="{:.1f}" r="7"/>').format(kind, size.events_x, y)
    shown = _cut(label, size.events_x - 20)
    text = Markup('<text class="end" x="{}" y="{:.1f}">{}</text>').format(size.events_x - 14, y + 4, shown)
    return _node(f"e-{event['id']}", f"{shown}, {kind}", at, detail, text + drawn)


def _artifact(size: _Size, artifact: str, y: float, edges: Sequence[Mapping[str, Any]]) -> Markup:
    marks = sorted((edge["timestamp"], _MARKS[edge["type"]]) for edge in edges if edge["type"] in _MARKS)
    opinion = marks[-1][1] if marks else "plain"
    keeps = sorted((edge["timestamp"], edge["type"]) for edge in edges if edge["type"] in ("KEEP", "UNKEEP"))
    kept = bool(keeps) and keeps[-1][1] == "KEEP"
    x, told = size.artifacts_x, {"mark_good": "marked good", "mark_bad": "marked bad", "plain": "no mark"}[opinion]
    if opinion == "mark_bad":
        shape = Markup('<path class="fill-mark_bad" d="M{} {:.1f}l8 8l-8 8l-8 -8z"/>').format(x, y - 8)
    else:
        shape = Markup('<circle class="fill-{}" cx="{}" cy="{:.1f}" r="7"/>').format(opinion, x, y)
    ring = Markup('<circle class="ring" cx="{}" cy="{:.1f}" r="10.5"/>').format(x, y) if kept else Markup("")
    shown = _cut(short_artifact(artifact), size.width - x - 18)
    text = Markup('<text x="{}" y="{:.1f}">{}</text>').format(x + 16, y + 4, shown)
    counts = {edge["type"]: sum(e["type"] == edge["type"] for e in edges) for edge in edges}
    detail = {"artifact": artifact, "opinion": told, "edges": ", ".join(f"{n} {t}" for t, n in counts.items())}
    first = min(edge["timestamp"] for edge in edges)
    return _node(f"a-{artifact}", f"{shown}, artifact, {told}", first, detail, ring + shape + text)


def _edge(size: _Size, edge: Mapping[str, Any], start: float, end: float) -> Markup:
    bend, middle = _BENDS.get(edge["type"], 0), (size.artifacts_x - size.events_x) / 2
    path = (
        f"M{size.events_x} {start:.1f}c{middle:.0f} {bend} {middle:.0f} {end - start + bend:.1f}"
        f" {size.artifacts_x - size.events_x} {end - start:.1f}"
    )
    return Markup('<path class="edge {}" d="{}" data-at="{}" data-ends="e-{} a-{}"><title>{}</title></path>').format(
        edge["type"].lower(), path, _milliseconds(edge["timestamp"]), edge["event_id"], printable(edge["artifact_id"]),
        f"{edge['type']} {edge['timestamp']}",
    )  # fmt: skip


def _node(id_: str, name: str, time: str | None, detail: Mapping[str, Any], content: Markup) -> Markup:
    shown = {key: printable(value) for key, value in detail.items() if value}
    return Markup(
        '<g class="node" tabindex="-1" role="button" aria-label="{}" data-node="{}" data-at="{}" data-detail="{}">'
        "{}</g>"
    ).format(name, printable(id_), _milliseconds(time), json.dumps(shown), content)


def _headline(metadata: str | None) -> str:
    """Return the first text in the metadata's JSON, which may be cut: most often it is the query."""
    found = _FIRST_TEXT.search(metadata or "")
    return found[1] if found else ""


def _whole(metadata: str | None) -> str | None:
    """Return the metadata's JSON, with a sign where it was cut."""
    try:
        json.loads(metadata or "null")
    except ValueError:
        return f"{metadata}…"
    return metadata


def _cut(text: str, width: float) -> str:
    text, most = printable(text), max(4, int(width / _CHARACTER))
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _milliseconds(time: str | None) -> int:
    return round(datetime.fromisoformat(time).timestamp() * 1000) if time else 0
