"""Grades of results, as tools that train or measure a ranking read them."""

from datetime import date
from pathlib import Path

import click

from scripts.common.output_files import PRIVATE, replace_file
from scripts.common.target import Target
from scripts.reports.tables import as_csv

BASES = ("marks", "clicks")
COLUMNS = ("query", "docid", "rating")


def write_judgments(target: Target, path: Path, basis: str, *, since: date, until: date) -> None:
    """Write the judgments from the recalls of these days as CSV, and say how many there are."""
    days = {"since": since.isoformat(), "until": until.isoformat()}
    rows = [row for page in target.operate_in_calls("judgments", basis=basis, **days) for row in page["judgments"]]
    with replace_file(path, mode=PRIVATE) as file:
        file.write(as_csv({"columns": COLUMNS, "rows": rows}))
    click.echo(f"wrote {path}: {len(rows)} judgments by {basis}")
