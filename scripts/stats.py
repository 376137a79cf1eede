"""stats: usage statistics, and a reconciliation of all that was accepted."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import astuple
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import click

from scripts.common.cli import command, environment_option
from scripts.common.console import console, progress, show_table
from scripts.common.errors import OperationError, WrongUseError
from scripts.common.output_files import PRIVATE, check_output, replace_file
from scripts.common.target import Target, find_target
from scripts.reports.judgments import BASES, write_judgments
from scripts.reports.reconciliation import reconcile
from scripts.reports.tables import UNANSWERED, Table, as_csv, fetch_tables
from scripts.reports.waiting import read_waiting

STANDARD_OUTPUT = Path("-")
FILE = click.Path(dir_okay=False, path_type=Path)


@command()
@environment_option
@click.option("--days", type=click.IntRange(1, 366), default=30, show_default=True, help="Days, with today (UTC).")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of tables.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, with an empty line between two tables; see --only.")
@click.option(
    "--html",
    type=FILE,
    help="Write a page with charts, in one file without a script; - is standard output.",
)
@click.option("--judgments", type=FILE, help="Write only a grade for each query and result, as CSV.")
@click.option("--by", type=click.Choice(BASES), default=BASES[0], show_default=True, help="What the grades come from.")
@click.option("--fresh", is_flag=True, help="Count days that are over again, and name kept answers that were wrong.")
@click.option("--only", multiple=True, help="Only this table; repeatable.")
def stats(
    environment: str,
    *,
    days: int,
    as_json: bool,
    as_csv: bool,
    html: Path | None,
    judgments: Path | None,
    by: str,
    fresh: bool,
    only: tuple[str, ...],
) -> None:
    """Show statistics of the last days, and account for all interactions that were accepted.

    They come from SQL views that analysts can query directly (docs/questions.md). A number that is not available is
    shown as unknown, never as 0. What takes too long to count is listed as a table "unanswered"; the exit code is
    then 3.

    Judgments (query,docid,rating, from 0 to 3) are for tools that train or measure a ranking: docs/questions.md.
    """
    if as_json + as_csv + bool(html) + bool(judgments) > 1:
        raise WrongUseError("choose one of --json, --csv, --html and --judgments")
    _check_only(only, known_tables() if only else ())
    for output in (html, judgments):
        if output and output != STANDARD_OUTPUT:
            check_output(output)
    target = find_target(environment)
    now = datetime.now(UTC)
    if judgments:
        write_judgments(target, judgments, by, since=now.date() - timedelta(days=days - 1), until=now.date())
        return
    tables, failure = collect(target, days=days, now=now, fresh=fresh)
    slow = _too_slow(tables, only)
    tables = _choose(tables, only, failure or slow)
    shown = {"environment": environment, "days": days, "at": now.isoformat(), "tables": tables}
    if as_json:
        click.echo(json.dumps(shown))
    elif as_csv:
        _print_csv(tables)
    elif html and not failure:
        _write_page(html, _page(target, tables, days=days, now=now))
    elif not html:
        _show(tables)
    if told := slow or (None if only else failure):
        raise told


def _too_slow(tables: dict[str, Table], only: Sequence[str]) -> OperationError | None:
    """Return what to tell if an answer, of these tables alone, took too long."""
    names = [name for (name,) in tables.get(UNANSWERED, {"rows": ()})["rows"]]
    if found := [name for name in names if not only or name.partition(" ")[0] in only]:
        return OperationError(f"unknown, because it takes too long to count: {', '.join(found)}; ask for fewer days")
    return None


def _choose(tables: dict[str, Table], only: Sequence[str], failure: OperationError | None) -> dict[str, Table]:
    """Return these tables alone; raises what kept one of them from being read."""
    if failure and set(only) - set(tables):
        raise failure
    _check_only(only, tables)  # the deployed version may be older than this one
    return {name: table for name, table in tables.items() if not only or name in only}


def _show(tables: dict[str, Table]) -> None:
    for name, table in tables.items():
        missing = "unknown" if name in {"balance", "queue"} else "none"
        rows = [[missing if value is None else value for value in row] for row in table["rows"]]
        show_table(name.replace("_", " "), table["columns"], rows)
        console().print()


def _write_page(html: Path, text: str) -> None:
    if html == STANDARD_OUTPUT:
        click.echo(text, nl=False)
        return
    with replace_file(html, mode=PRIVATE) as file:
        file.write(text)
    click.echo(f"wrote {html}")


def known_tables() -> tuple[str, ...]:
    """Return the names of all tables."""
    from chalicelib.ledger.questions import OF_A_DAY, OF_ALL_DAYS, OF_SUMS

    return ("balance", "queue", *OF_A_DAY, *OF_SUMS, *OF_ALL_DAYS)


def _check_only(only: Iterable[str], tables: Iterable[str]) -> None:
    if unknown := set(only).difference(tables):
        raise WrongUseError(f"no table {', '.join(sorted(unknown))}: there are {', '.join(tables)}")


def collect(
    target: Target, *, days: int, now: datetime, fresh: bool = False
) -> tuple[dict[str, Table], OperationError | None]:
    """Return all tables by name: the reconciliation, the queues, then the answers of the operations function.

    Without Postgres there are no answers: then the error is returned too.
    """
    since = now.date() - timedelta(days=days - 1)
    totals = reconcile(target, since=datetime.combine(since, time(), UTC), until=now)
    found = {"balance": [list(astuple(one)) for one in totals], "queue": read_waiting(target)}
    tables = {name: {"columns": ["name", "value", "meaning"], "rows": rows} for name, rows in found.items()}
    try:
        return tables | _fetch(target, since=since, until=now.date(), fresh=fresh), None
    except OperationError as error:
        return tables, error


def _fetch(
    target: Target, *, since: date, until: date, questions: Sequence[str] = (), fresh: bool = False
) -> dict[str, Table]:
    """Return the tables, with a progress bar."""
    with progress() as bar:
        task = bar.add_task("querying", total=None)

        def show(part: dict[str, Any]) -> None:
            done = part["steps"] if part["cursor"] is None else part["cursor"]
            bar.update(task, total=part["steps"], completed=done)
            for one in part.get("different", ()):
                click.echo(f"the kept answer was wrong: {one}", err=True)

        return fetch_tables(target, since=since, until=until, questions=questions, fresh=fresh, on_part=show)


def _print_csv(tables: dict[str, Table]) -> None:
    for number, table in enumerate(tables.values()):
        click.echo("\n" * bool(number) + as_csv(table), nl=False)


def _page(target: Target, tables: dict[str, Table], *, days: int, now: datetime) -> str:
    from console.export import QUESTIONS_BEFORE, page
    from console.period import Period

    then = Period.last(days, now.date()).finished(now.date()).before
    asked = set(QUESTIONS_BEFORE) <= set(tables)
    before = _fetch(target, since=then.since, until=then.until, questions=QUESTIONS_BEFORE) if asked else {}
    return page(target.name, tables, before, days=days, now=now)
