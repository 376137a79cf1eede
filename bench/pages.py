"""How long the console's pages take in a real browser: `. .local/env; python -m bench.pages`, or `make bench-pages`.

On the laptop's cloud as it runs, so that what a page shows is what is stored: `make demo-data` fills it. Three rounds;
the figures are the medians. The first look counts the days that catch-up has not counted ahead yet, and later ones read
what was kept (decision 24): so the first look at statistics is a figure of its own.
"""

import json
import os
import re
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any

import click
import psycopg

from bench.figures import Figure, show, write
from bench.page import PAGE, figures_table, machine, replace_figures
from bench.processes import ROOT
from local.environment import COMMANDS

ROUNDS = 3
PAINT_SECONDS, WHOLE_SECONDS = 1.0, 2.0  # what a person does not feel as waiting
PROGRAM = ROOT / "clients" / "typescript" / "test" / "console-times.ts"
PROGRAM_SECONDS = 900
BUSIEST = "SELECT user_id FROM interaction GROUP BY user_id ORDER BY count(*) DESC LIMIT 1"
LATEST = "SELECT event_id FROM interaction ORDER BY id DESC LIMIT 1"


@click.command()
@click.option("--page", is_flag=True, help="write the figures into docs/performance.md too")
def main(*, page: bool) -> None:
    """Time each page, print and write."""
    with psycopg.connect(os.environ["DATABASE_URL"]) as ledger:
        rows, user, event_id = (_one(ledger, text) for text in ("SELECT count(*) FROM interaction", BUSIEST, LATEST))
    pages = {
        "health": "/health",
        "dead letters": "/dead-letters",
        "statistics, 30 days": "/statistics?days=30",
        "statistics, 180 days": "/statistics?days=180",
        "the busiest person": f"/person?user={user}",
        "a story": f"/story?id={event_id}",
        "live": "/live",
        "send": "/send",
    }
    figures = list(_figures(pages, _times(list(pages.values()))))
    write(figures, ROOT / ".local" / "bench-pages.json")
    click.echo(f"{rows:,} interactions")
    show(figures)
    if page:
        text = f"{machine()} {rows:,} interactions in the ledger.\n\n{figures_table(figures)}"
        replace_figures(PAGE, "make bench-pages BENCH=--page", text)


def _one(ledger: psycopg.Connection, text: Any) -> Any:
    found = ledger.execute(text).fetchone()
    if found is None:
        raise click.ClickException("the ledger is empty: make demo-data")
    return found[0]


def _times(paths: list[str]) -> list[dict[str, Any]]:
    with _console() as address:
        plan = json.dumps({"address": address, "pages": paths, "rounds": ROUNDS})
        command = ["node", str(PROGRAM), plan]  # the project's own, first in the PATH of `.local/env`
        done = subprocess.run(command, capture_output=True, text=True, timeout=PROGRAM_SECONDS, check=False)  # noqa: S603
    if done.returncode:
        raise click.ClickException(done.stderr)
    times: list[dict[str, Any]] = json.loads(done.stdout)
    return times


@contextmanager
def _console() -> Iterator[str]:
    command = [str(COMMANDS[0] / "console"), "-e", "local", "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        try:
            [address] = re.findall(r"http:\S+", process.stdout.readline() if process.stdout else "")
            yield address
        finally:
            process.terminate()


def _figures(pages: dict[str, str], times: list[dict[str, Any]]) -> Iterator[Figure]:
    seconds: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    for one in times:
        seconds[one["path"]].append((one["paint"] / 1000, one["whole"] / 1000))
    for name, path in pages.items():
        if name.startswith("statistics"):
            yield _figure(f"{name}: all is there, the first time", seconds[path][0][1], WHOLE_SECONDS)
        paint, whole = (median(column) for column in zip(*seconds[path], strict=True))
        yield _figure(f"{name}: first paint", paint, PAINT_SECONDS)
        yield _figure(f"{name}: all is there", whole, WHOLE_SECONDS)


def _figure(name: str, value: float, target: float) -> Figure:
    return Figure(name=name, value=round(value, 2), unit="s", target=target, better="lower")


if __name__ == "__main__":
    main()
