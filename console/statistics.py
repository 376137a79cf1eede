"""What the statistics show: headline figures against the period before, and figures with a chart and a table each."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from math import sqrt
from typing import Any, Final

from markupsafe import Markup

from chalicelib.interaction import Kind
from console.drawing.figures import FIGURES, Z
from console.period import Period
from console.text import number, percent
from scripts.reports.tables import UNANSWERED, Table

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


def headlines(tables: Tables, before: Tables, period: Period, *, today: date) -> list[Headline]:
    """Return the headline figures of a period, and how its finished days changed against as many before.

    The list is empty if some answer is unknown: sums without it would be wrong.
    """
    if UNANSWERED in tables or UNANSWERED in before:
        return []
    finished = period.finished(today)
    shown, now, then = _sums(tables, period), _sums(tables, finished), _sums(before, finished.before)
    found = [
        _amount("Interactions", shown["interactions"], now["interactions"], then["interactions"]),
        _amount("People on a day, on average", now["people"] or shown["people"], now["people"], then["people"]),
        _amount("Recalls", shown["recalls"], now["recalls"], then["recalls"]),
        _share("Recalls with a peel", (shown, now, then), "peeled", "recalls"),
        _share("Recalls with something kept or marked good", (shown, now, then), "good_outcome", "recalls"),
        _share("Marks that are good", (shown, now, then), "good", "marks"),
    ]
    return found if finished.days else [replace(one, change="today is not over", good=None) for one in found]


def figures(tables: Tables, period: Period) -> list[Figure]:
    """Return a figure for each table, in the order in which people ask; the period's kind narrows the first ones."""
    known = [_figure(name, tables[name], period) for name in FIGURES if name in tables]
    others = [name for name in tables if name not in FIGURES]
    return known + [Figure(name, name.replace("_", " ").capitalize(), "", None, tables[name]) for name in others]


def _sums(tables: Tables, period: Period) -> dict[str, float]:
    def of(name: str) -> list[dict[str, Any]]:
        return [one for one in records(tables, name) if str(period.since) <= one["day"] <= str(period.until)]

    kinds: dict[str, int] = {}
    for one in of("interactions_by_day"):
        kinds[one["kind"]] = kinds.get(one["kind"], 0) + one["interactions"]
    recalls = [one for one in of("events_by_day") if one.get("kind", Kind.RECALL) == Kind.RECALL]
    people = of("active_users_by_day")
    first = min((date.fromisoformat(one["day"]) for one in people), default=period.until)  # before it there was nobody
    return {
        "interactions": sum(kinds.values()),
        "people": sum(one["users"] for one in people) / max(1, (period.until - first).days + 1),
        "recalls": sum(one["events"] for one in recalls),
        "peeled": sum(one["peeled"] for one in recalls),
        "good_outcome": sum(one["good_outcome"] for one in recalls),
        "good": kinds.get(Kind.MARK_GOOD, 0),
        "marks": kinds.get(Kind.MARK_GOOD, 0) + kinds.get(Kind.MARK_BAD, 0),
    }


def _amount(name: str, shown: float, now: float, then: float) -> Headline:
    value = number(shown, 1 if 0 < shown < 100 and shown % 1 else 0)  # noqa: PLR2004  above it, tenths say nothing
    if not then:
        return Headline(name, value, "nothing the period before")
    if now > MANY_TIMES * then:
        return Headline(name, value, f"{number(now / then)} times as many")
    changed = round(100 * (now / then - 1))
    return Headline(name, value, f"{changed:+} %" if changed else "no change")


def _share(name: str, sums: tuple[Mapping[str, float], ...], part: str, whole: str) -> Headline:
    shown, now, then = sums
    if not shown[whole]:
        return Headline(name, number(None), "none to count")
    value = percent(shown[part] / shown[whole])
    if not now[whole] or not then[whole]:
        return Headline(name, value, "nothing to compare with")
    points = 100 * (now[part] / now[whole] - then[part] / then[whole])
    if not round(points):
        return Headline(name, value, "no change")
    told = f"{points:+.0f} point{'' if abs(round(points)) == 1 else 's'}"
    if not _is_change(now, then, part, whole):
        return Headline(name, value, f"{told} (may be chance)")
    return Headline(name, value, told, points > 0)


def _is_change(now: Mapping[str, float], then: Mapping[str, float], part: str, whole: str) -> bool:
    """Tell whether the two shares differ by more than chance explains in 95 of 100 cases."""
    shares = [(one[part] / one[whole], one[whole]) for one in (now, then)]
    error = sqrt(sum(share * (1 - share) / count for share, count in shares))
    return abs(shares[0][0] - shares[1][0]) > Z * error


def _figure(name: str, table: Table, period: Period) -> Figure:
    title, note, draw = FIGURES[name]
    found = records({name: table}, name)
    if period.kind and "kind" in table["columns"]:
        found = [one for one in found if one["kind"] == period.kind]
        table = {**table, "rows": [list(one.values()) for one in found]}
    return Figure(name, title, note, draw(_of_all_days(found, period), title) if found and draw else None, table)


def _of_all_days(found: list[dict[str, Any]], period: Period) -> list[dict[str, Any]]:
    """Return the rows, with zeros for the days of the period that have none: an axis of time has no gaps."""
    if "day" not in found[0]:
        return found
    kinds = [one["kind"] for one in found if "kind" in one]
    zeros: dict[str, Any] = dict.fromkeys(found[0], 0)
    if kinds:
        zeros["kind"] = Kind.RECALL.value if Kind.RECALL in kinds else kinds[0]
    days = {str(period.since + timedelta(days=number)) for number in range(period.days)}
    missing = days - {one["day"] for one in found if one.get("kind") == zeros.get("kind")}
    return sorted([*found, *({**zeros, "day": day} for day in missing)], key=lambda one: str(one["day"]))
