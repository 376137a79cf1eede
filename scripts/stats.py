"""stats: usage statistics, and a reconciliation of all that was accepted."""

import csv
import io
import json
from collections.abc import Iterable
from dataclasses import astuple
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import click

from scripts.common.cli import command, environment_option
from scripts.common.console import console, printable, progress, show_table
from scripts.common.errors import WrongUseError
from scripts.common.output_files import check_output, replace_file
from scripts.common.target import Target, find_target
from scripts.reports.reconciliation import reconcile

Table = dict[str, Any]
"""{"columns": [name, …], "rows": [[value, …], …]}"""

STANDARD_OUTPUT = Path("-")
FORMULA = ("=", "+", "-", "@")  # a spreadsheet computes a cell that begins so


@command()
@environment_option
@click.option("--days", type=click.IntRange(1, 366), default=30, show_default=True, help="Days, with today (UTC).")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of tables.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, with an empty line between two tables; see --only.")
@click.option(
    "--html",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a page with charts; - is standard output.",
)
@click.option("--only", multiple=True, help="Only this table; repeatable.")
def stats(
    environment: str, *, days: int, as_json: bool, as_csv: bool, html: Path | None, only: tuple[str, ...]
) -> None:
    """Show statistics of the last days, and account for all interactions that were accepted.

    They come from SQL views that analysts can query directly (docs/questions.md). A number that is not available is
    shown as unknown, never as 0.
    """
    if as_json + as_csv + bool(html) > 1:
        raise WrongUseError("choose one of --json, --csv and --html")
    if only:
        _check_only(only, known_tables())
    if html and html != STANDARD_OUTPUT:
        check_output(html)
    target = find_target(environment)
    now = datetime.now(UTC)
    tables = collect(target, days=days, now=now)
    _check_only(only, tables)  # the deployed version may be older than this one
    tables = {name: table for name, table in tables.items() if not only or name in only}
    if as_json:
        click.echo(json.dumps({"environment": environment, "days": days, "at": now.isoformat(), "tables": tables}))
    elif as_csv:
        _print_csv(tables)
    elif html:
        from scripts.reports.html_page import page

        text = page(f"Interactions, {environment}", tables, days=days, now=now)
        if html == STANDARD_OUTPUT:
            click.echo(text, nl=False)
        else:
            with replace_file(html) as file:
                file.write(text)
            click.echo(f"wrote {html}")
    else:
        for name, table in tables.items():
            missing = "unknown" if name == "balance" else "none"
            rows = [[missing if value is None else value for value in row] for row in table["rows"]]
            show_table(name.replace("_", " "), table["columns"], rows)
            console().print()


def known_tables() -> tuple[str, ...]:
    """Return the names of all tables."""
    from chalicelib.ledger.statistics import OF_A_DAY, OF_ALL_DAYS

    return ("balance", *OF_A_DAY, *OF_ALL_DAYS)


def _check_only(only: Iterable[str], tables: Iterable[str]) -> None:
    if unknown := set(only).difference(tables):
        raise WrongUseError(f"no table {', '.join(sorted(unknown))}: there are {', '.join(tables)}")


def collect(target: Target, *, days: int, now: datetime) -> dict[str, Table]:
    """Return all tables by name: the reconciliation, then the answers of the operations function."""
    since = now.date() - timedelta(days=days - 1)
    totals = reconcile(target, since=datetime.combine(since, time(), UTC), until=now)
    tables = {"balance": {"columns": ["name", "value", "meaning"], "rows": [list(astuple(one)) for one in totals]}}
    return tables | fetch_tables(target, since=since, until=now.date())


def fetch_tables(target: Target, *, since: date, until: date) -> dict[str, Table]:
    """Return the statistics of these days, a table for each question."""
    tables: dict[str, Table] = {}
    with progress() as bar:
        task = bar.add_task("querying", total=None)
        for part in target.operate_in_calls("statistics", since=since.isoformat(), until=until.isoformat()):
            for answer in part["answers"]:
                _add(tables, answer)
            done = part["steps"] if part["cursor"] is None else part["cursor"]
            bar.update(task, total=part["steps"], completed=done)
    if ranks := tables.get("results_by_rank"):
        tables["results_by_rank"] = _with_click_through(ranks)
    return tables


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


def _print_csv(tables: dict[str, Table]) -> None:
    for number, table in enumerate(tables.values()):
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
        writer.writerow(table["columns"])
        writer.writerows([cell(value) for value in row] for row in table["rows"])
        click.echo("\n" * bool(number) + text.getvalue(), nl=False)


def cell(value: Any) -> Any:
    """Return a safe CSV cell: a spreadsheet does not compute it, and it cannot control a terminal."""
    if not isinstance(value, str):
        return value
    controls = not value[:1].isprintable()
    return f"'{printable(value)}" if controls or value.startswith(FORMULA) else printable(value)
