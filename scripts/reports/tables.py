"""The statistics as tables: fetched from the operations function, and written as CSV."""

import csv
import io
import re
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from scripts.common.console import printable
from scripts.common.target import Target

UNANSWERED = "unanswered"
"""The table of what took too long to count."""
Table = dict[str, Any]
"""{"columns": [name, …], "rows": [[value, …], …]}"""

# A spreadsheet computes a cell that begins so. Where it takes semicolons for separators, as in German, cells begin
# after them too, within one of ours, and a quote there opens the cell.
FORMULA = re.compile(r"""(^|;)(?=["\s]*[-=+@＝＋－＠])""")  # noqa: RUF001


def fetch_tables(
    target: Target,
    *,
    since: date,
    until: date,
    questions: Sequence[str] = (),
    fresh: bool = False,
    on_part: Callable[[dict[str, Any]], object] = lambda _: None,
) -> dict[str, Table]:
    """Return the statistics of these days, a table for each question, or for these questions alone.

    `fresh` counts again what was kept of days that are over. What took too long to count is in a table of its own,
    "unanswered": a question about a day lacks that day, and without any answer it has no table.

    `on_part` gets each call's result, whose cursor and steps tell how far it is.
    """
    tables: dict[str, Table] = {}
    unanswered: list[str] = []
    asked: dict[str, Any] = {"questions": list(questions)} if questions else {}
    asked |= {"fresh": True} if fresh else {}
    days = {"since": since.isoformat(), "until": until.isoformat()}
    for part in target.operate_in_calls("statistics", **days, **asked):
        for answer in part["answers"]:
            _add(tables, answer)
        unanswered += part.get("unanswered", ())
        on_part(part)
    if ranks := tables.get("results_by_rank"):
        tables["results_by_rank"] = _with_click_through(ranks)
    if unanswered:
        tables[UNANSWERED] = {"columns": ["unknown"], "rows": [[name] for name in unanswered]}
    return tables


def as_csv(table: Table) -> str:
    """Return the table as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow(table["columns"])
    writer.writerows([cell(value) for value in row] for row in table["rows"])
    return text.getvalue()


def cell(value: Any) -> Any:
    """Return a safe CSV cell: a spreadsheet does not compute it, and it cannot control a terminal."""
    if not isinstance(value, str):
        return value
    text = FORMULA.sub(r"\1'", printable(value))
    return text if value[:1].isprintable() else f"'{text}"


def _add(tables: dict[str, Table], answer: dict[str, Any]) -> None:
    """Add an answer to its table: append another day's rows, or add its numbers to those of the earlier days."""
    table = tables.setdefault(answer["question"], {"columns": answer["columns"], "rows": []})
    if table["rows"] and "day" not in table["columns"]:
        both = zip(table["rows"], answer["rows"], strict=True)
        table["rows"] = [[label, *map(sum, zip(before, more, strict=True))] for (label, *before), (_, *more) in both]
    else:
        table["rows"] += answer["rows"]


def _with_click_through(table: Table) -> Table:
    """Return the table by rank with one more column: which share of the results shown were peeled."""
    shown, peeled = map(table["columns"].index, ("shown", "peeled"))
    rows = [[*row, round(row[peeled] / row[shown], 3) if row[shown] else None] for row in table["rows"]]
    return {"columns": [*table["columns"], "click_through"], "rows": rows}
