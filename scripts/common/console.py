"""What commands show in a terminal: people's own words, and nothing that steers it."""

import sys
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

console = Console(
    width=None if sys.stdout and sys.stdout.isatty() else 160
)  # in a file or a pipe nothing need be narrow


def printable(value: Any) -> str:
    """Return the value as text in which nothing moves the cursor, changes colours, or is read as markup later."""
    text = "" if value is None else str(value)
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def show_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print a table; long cells are folded, never cut, and numbers stand right."""
    rows = list(rows)
    table = Table(title=title, title_justify="left")
    for number, column in enumerate(columns):
        numeric = any(isinstance(row[number], int | float) for row in rows)
        table.add_column(column, overflow="fold", justify="right" if numeric else "left")
    for row in rows:
        table.add_row(*(Text(printable(value)) for value in row))
    console.print(table)


def progress() -> Progress:
    """Return a progress bar on standard error, with what is left in time."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True))
