"""Output to a terminal: users' text is shown, and cannot control the terminal."""

import functools
import json
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress


@functools.cache
def console(*, stderr: bool = False) -> "Console":
    """Return the console of standard output or error; a file or a pipe has no width to keep to."""
    from rich.console import Console

    class PipedConsole(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError  # rich itself would exit with 1

    return PipedConsole(stderr=stderr, width=None if stderr or sys.stdout.isatty() else 160)


def printable(value: Any) -> str:
    """Return the value as text, with each control character written as an escape sequence."""
    text = "" if value is None else str(value)
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def escaped_json(value: Any) -> str:
    """Return the value as one line of JSON in which only printable characters are written as themselves."""
    text = json.dumps(value, ensure_ascii=False)
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)


def format_number(value: float) -> str:
    """Return the number as tables and pages show it: with at most one decimal."""
    return str(round(value, 1))


def show_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print a table; long cells are folded, never cut, and numbers are aligned right."""
    from rich.table import Table
    from rich.text import Text

    rows = list(rows)
    table = Table(title=title, title_justify="left")
    for number, column in enumerate(columns):
        numeric = any(isinstance(row[number], int | float) for row in rows)
        table.add_column(column, overflow="fold", justify="right" if numeric else "left")
    for row in rows:
        table.add_row(*(Text(_format(value)) for value in row))
    console().print(table)


def _format(value: Any) -> str:
    return format_number(value) if isinstance(value, float) else printable(value)


def progress() -> "Progress":
    """Return a progress bar on standard error that shows the remaining time."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console(stderr=True))
