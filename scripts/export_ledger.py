"""export-ledger: write the ledger as Parquet, a file for each day."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from scripts.common.cli import command, environment_option
from scripts.common.console import progress
from scripts.common.errors import OperationError, WrongUseError
from scripts.common.output_files import check_output, make_file
from scripts.common.target import Target, find_target
from scripts.reports.ubi import write

EARLIEST = date(2000, 1, 1)  # no interaction is older
COLUMNS = {
    "id": "UUID",
    "user_id": "VARCHAR",
    "event_id": "UUID",
    "kind": "VARCHAR",
    "artifact_id": "VARCHAR",
    "metadata": "VARCHAR",
    "timestamp": "TIMESTAMPTZ",
    "received_at": "TIMESTAMPTZ",
    "stored_at": "TIMESTAMPTZ",
}
"""The table's columns, with DuckDB's types; metadata is JSON as text."""


@command()
@environment_option
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), required=True, help="First day (UTC), as 2026-05-01.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="Last day; by default yesterday.")
@click.option(
    "-o",
    "--output",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Folder for the files; it is made if it is not there.",
)
@click.option("--again", is_flag=True, help="Write days that are there already anew.")
@click.option("--ubi", is_flag=True, help="Write User Behavior Insights 1.3 instead, two files for all days.")
def export_ledger(
    environment: str, *, since: datetime, until: datetime | None, folder: Path, again: bool, ubi: bool
) -> None:
    """Write the ledger as Parquet, one file for each day of the interactions' own time: interaction-2026-05-01.parquet.

    A file appears when it is complete, and only you may read it. Days that are there already are left alone: after an
    interruption run the same command again. An interaction that is posted days later, and an erasure, change a day that
    was exported before: write such days with --again. People who are being erased are left out.
    """
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    first, last = since.date(), until.date() if until else yesterday
    if not EARLIEST <= first <= last <= yesterday + timedelta(days=2):
        raise WrongUseError("the days are from the year 2000 to tomorrow, and the first is not after the last")
    files = {day: folder / f"interaction-{day}.parquet" for day in _days(first, last)}
    _check(folder, files[first])
    target = find_target(environment)
    if ubi:
        found = (one for day in files for one in _interactions(target, day))
        click.echo(f"{write(folder, found)} queries and events of {len(files)} days")
        return
    wanted = {day: path for day, path in files.items() if again or not path.exists()}
    rows = 0
    with progress() as bar:
        task = bar.add_task("days", total=len(wanted))
        for day, path in wanted.items():
            rows += _export(target, day, path)
            bar.update(task, advance=1, description=f"days ({rows:,} interactions)")
    kept = len(files) - len(wanted)
    click.echo(f"{rows} interactions in {len(wanted)} files; {kept} days were there already")


def _days(first: date, last: date) -> Iterator[date]:
    for number in range((last - first).days + 1):
        yield first + timedelta(days=number)


def _check(folder: Path, path: Path) -> None:
    """Make the folder; raises WrongUseError if files cannot be written there."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise WrongUseError(f"{folder}: {error.strerror}") from None
    check_output(path)


def _interactions(target: Target, day: date) -> Iterator[dict[str, Any]]:
    for page in target.operate_in_calls("export_day", day=day.isoformat()):
        yield from page["interactions"]


def _export(target: Target, day: date, path: Path) -> int:
    """Write one day's file, from lines of JSON on the disk, so that memory stays flat; return how many rows it has."""
    import duckdb

    rows = 0
    with make_file(path) as parquet:
        lines = parquet.with_suffix(".jsonl")
        with lines.open("w", encoding="utf-8") as file:
            for one in _interactions(target, day):
                file.write(json.dumps(one) + "\n")
                rows += 1
        try:
            with duckdb.connect(config={"temp_directory": str(parquet.parent)}) as connection:
                connection.execute("SET TimeZone = 'UTC'")
                found = connection.read_json(str(lines), columns=COLUMNS, format="newline_delimited")
                found.write_parquet(str(parquet), compression="zstd")
        except duckdb.IOException as error:  # a full disk
            raise OperationError(str(error)) from None
    return rows
