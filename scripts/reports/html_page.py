"""The page that `stats --html` writes: charts and tables in one file that loads nothing from elsewhere."""

from collections.abc import Callable
from datetime import datetime
from html import escape
from typing import Any

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from scripts.common.console import format_number, printable

MAX_LABEL_CHARACTERS = 40
COLOURS = ("#4269d0", "#efb118", "#ff725c", "#6cc5b0", "#3ca951", "#ff8ab7")

HEAD = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem }}
table {{ border-collapse: collapse }}
th, td {{ border-bottom: 1px solid #ccc; padding: .2rem .8rem; text-align: left }}
td.number {{ text-align: right }}
</style>
<h1>{title}</h1>
<p>The last {days} days until {now:%Y-%m-%d %H:%M} UTC.</p>
<script>{plotly}</script>
"""


def page(title: str, tables: dict[str, Any], *, days: int, now: datetime) -> str:
    """Return the page: a section for each table, with a chart if it has one."""
    head = HEAD.format(title=escape(title), days=days, now=now, plotly=get_plotlyjs())
    return head + "".join(_section(name, table) for name, table in tables.items()) + "</html>\n"


def _section(name: str, table: dict[str, Any]) -> str:
    heading = f"<section id='{escape(name)}'>\n<h2>{escape(name.replace('_', ' ').capitalize())}</h2>\n"
    if name not in CHARTS:
        return f"{heading}{_table(table)}</section>\n"
    if not table["rows"]:
        return f"{heading}<p>Nothing in these days.</p></section>\n"
    records = [dict(zip(table["columns"], row, strict=True)) for row in table["rows"]]
    chart = _chart(CHARTS[name](records), f"chart-{name}")
    return f"{heading}{chart}<details><summary>as a table</summary>{_table(table)}</details></section>\n"


def _table(table: dict[str, Any]) -> str:
    header = "".join(f"<th>{escape(column)}</th>" for column in table["columns"])
    rows = "".join(f"<tr>{''.join(map(_cell, row))}</tr>\n" for row in table["rows"])
    return f"<table><tr>{header}</tr>\n{rows}</table>\n"


def _cell(value: Any) -> str:
    if isinstance(value, int | float):
        return f"<td class='number'>{format_number(value)}</td>"
    return f"<td>{escape('unknown' if value is None else printable(value))}</td>"


def _chart(bars: list[go.Bar], id_: str) -> str:
    horizontal = bars[0].orientation == "h"
    figure = go.Figure(bars)
    figure.update_layout(
        barmode="stack",
        colorway=COLOURS,
        margin={"l": 10, "r": 10, "t": 10, "b": 10},
        template="plotly_white",
        legend={"orientation": "h", "y": 1, "yanchor": "bottom"},
    )
    (figure.update_yaxes if horizontal else figure.update_xaxes)(type="category", automargin=True)
    if horizontal:
        figure.update_yaxes(autorange="reversed")
    return str(figure.to_html(full_html=False, include_plotlyjs=False, div_id=id_, config={"displayModeBar": False}))


def _bar(name: str, labels: list[str], values: list[Any], **more: Any) -> go.Bar:
    """Return bars labelled with their numbers."""
    texts = [str(value) for value in values]
    if more.get("orientation") == "h":
        return go.Bar(name=name, y=labels, x=values, text=texts, textposition="auto", **more)
    return go.Bar(name=name, x=labels, y=values, text=texts, textposition="auto", **more)


def _interactions(records: list[dict[str, Any]]) -> list[go.Bar]:
    days = sorted({record["day"] for record in records})
    counts = {(record["day"], record["kind"]): record["interactions"] for record in records}
    kinds = sorted({record["kind"] for record in records})
    return [_bar(printable(kind), days, [counts.get((day, kind), 0) for day in days]) for kind in kinds]


def _recalls(records: list[dict[str, Any]]) -> list[go.Bar]:
    """Draw the outcomes of recalls; a workspace has no results to peel."""
    recalls = [record for record in records if record["kind"] == "recall"]
    return _columns("day", good_outcome="with a good outcome", no_good_outcome="without")(recalls)


def _columns(label: str, **columns: str) -> Callable[[list[dict[str, Any]]], list[go.Bar]]:
    """Return a function that draws these columns of a table, stacked over the label."""

    def draw(records: list[dict[str, Any]]) -> list[go.Bar]:
        labels = [record[label] for record in records]
        return [_bar(name, labels, [record[column] for record in records]) for column, name in columns.items()]

    return draw


def _artifacts(column: str) -> Callable[[list[dict[str, Any]]], list[go.Bar]]:
    """Return a function that draws a column over the artifacts; their ids are untrusted text."""

    def draw(records: list[dict[str, Any]]) -> list[go.Bar]:
        labels = [f"{rank}. {_label(record['artifact_id'])}" for rank, record in enumerate(records, start=1)]
        return [_bar(column, labels, [record[column] for record in records], orientation="h")]

    return draw


def _label(text: str) -> str:
    text = printable(text)
    return escape(text if len(text) <= MAX_LABEL_CHARACTERS else f"{text[: MAX_LABEL_CHARACTERS - 1]}…")


CHARTS: dict[str, Callable[[list[dict[str, Any]]], list[go.Bar]]] = {
    "interactions_by_day": _interactions,
    "active_users_by_day": _columns("day", users="people"),
    "events_by_day": _recalls,
    "funnel": _columns("recalls", number="recalls"),
    "time_to_first_peel": _columns("time", recalls="recalls"),
    "first_peeled_rank": _columns("rank", recalls="recalls"),
    "most_kept_artifacts": _artifacts("keeps"),
    "most_marked_bad_artifacts": _artifacts("bad"),
}
