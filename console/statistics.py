"""What the statistics show: headline figures against the period before, and figures with a chart and a table each."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from typing import Any, Final

from markupsafe import Markup

from chalicelib.interaction import Kind
from console.drawing.figures import FIGURES, Z
from console.view import number, percent
from scripts.reports.tables import Table

MANY_TIMES: Final = 10  # from here on a percentage says little
Tables = Mapping[str, Table]


@dataclass(frozen=True)
class Headline:
    """A figure in large type, and how it changed.

    `good` is None where more is neither good nor bad, or where the change may be chance.
    """

    name: str
    value: str
    change: str
    good: bool | None = None


@dataclass(frozen=True)
class Figure:
    """One question's answer: a chart, if it has one, and always the table."""

    name: str
    title: str
    note: str
    chart: Markup | None
    table: Table


def records(tables: Tables, name: str) -> list[dict[str, Any]]:
    """Return a table's rows by their columns' names; none for a table that is not there."""
    table = tables.get(name, {"columns": [], "rows": []})
    return [dict(zip(table["columns"], row, strict=True)) for row in table["rows"]]


def headlines(tables: Tables, before: Tables, *, days: int) -> list[Headline]:
    """Return the headline figures of a period of so many days, and their change against the one before."""
    now, then = _sums(tables, days), _sums(before, days)
    return [
        _amount("Interactions", now["interactions"], then["interactions"]),
        _amount("People on a day, on average", now["people"], then["people"]),
        _amount("Recalls", now["recalls"], then["recalls"]),
        _share("Recalls with a peel", now, then, "peeled", "recalls"),
        _share("Recalls with a good outcome", now, then, "good_outcome", "recalls"),
        _share("Marks that are good", now, then, "good", "marks"),
    ]


def figures(tables: Tables, *, kind: str = "") -> list[Figure]:
    """Return a figure for each table that is there, in the order in which people ask; `kind` narrows the first ones."""
    known = [_figure(name, tables[name], kind) for name in FIGURES if name in tables]
    others = [name for name in tables if name not in FIGURES]
    return known + [Figure(name, name.replace("_", " ").capitalize(), "", None, tables[name]) for name in others]


def _sums(tables: Tables, days: int) -> dict[str, float]:
    kinds: dict[str, int] = {}
    for one in records(tables, "interactions_by_day"):
        kinds[one["kind"]] = kinds.get(one["kind"], 0) + one["interactions"]
    recalls = [one for one in records(tables, "events_by_day") if one.get("kind", Kind.RECALL) == Kind.RECALL]
    return {
        "interactions": sum(kinds.values()),
        "people": sum(one["users"] for one in records(tables, "active_users_by_day")) / days,
        "recalls": sum(one["events"] for one in recalls),
        "peeled": sum(one["peeled"] for one in recalls),
        "good_outcome": sum(one["good_outcome"] for one in recalls),
        "good": kinds.get(Kind.MARK_GOOD, 0),
        "marks": kinds.get(Kind.MARK_GOOD, 0) + kinds.get(Kind.MARK_BAD, 0),
    }


def _amount(name: str, now: float, then: float) -> Headline:
    digits = 1 if 0 < now < 100 and now % 1 else 0  # noqa: PLR2004  above it, tenths say nothing
    if not then:
        return Headline(name, number(now, digits), "nothing the period before")
    if now > MANY_TIMES * then:
        return Headline(name, number(now, digits), f"{number(now / then)} times as many")
    changed = round(100 * (now / then - 1))
    return Headline(name, number(now, digits), f"{changed:+} %" if changed else "no change")


def _share(name: str, now: Mapping[str, float], then: Mapping[str, float], part: str, whole: str) -> Headline:
    if not now[whole]:
        return Headline(name, number(None), "none to count")
    share = now[part] / now[whole]
    if not then[whole]:
        return Headline(name, percent(share), "nothing the period before")
    points = 100 * (share - then[part] / then[whole])
    if not round(points):
        return Headline(name, percent(share), "no change")
    told = f"{points:+.0f} point{'' if abs(round(points)) == 1 else 's'}"
    return Headline(name, percent(share), told, points > 0 if _is_change(now, then, part, whole) else None)


def _is_change(now: Mapping[str, float], then: Mapping[str, float], part: str, whole: str) -> bool:
    """Tell whether the two shares differ by more than chance explains in 95 of 100 cases."""
    shares = [(one[part] / one[whole], one[whole]) for one in (now, then)]
    error = sqrt(sum(share * (1 - share) / count for share, count in shares))
    return abs(shares[0][0] - shares[1][0]) > Z * error


def _figure(name: str, table: Table, kind: str) -> Figure:
    title, note, draw = FIGURES[name]
    found = records({name: table}, name)
    if kind and "kind" in table["columns"]:
        found = [one for one in found if one["kind"] == kind]
        table = {**table, "rows": [list(one.values()) for one in found]}
    return Figure(name, title, note, draw(found, title) if found and draw else None, table)
