"""How a filled ledger and its graph change what the bench measures: `python -m bench.large`, or `make bench-large`.

On an empty ledger a chunk of rows is stored and projected three times. Then a million rows pass through the outbox, the
ledger is filled by SQL, and a rebuild makes its graph. Then such chunks are measured again, `stats` is asked, Neo4j's
importer makes the graph again, and the whole is verified.
"""

import itertools
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from statistics import median
from typing import Any

import click
import psutil
from rich.progress import Progress

from bench import projecting
from bench.figures import Figure, show, write
from bench.filling import DAYS, fill
from bench.page import figures_table, machine, replace_figures
from bench.processes import ROOT, Drainer, drainers, seconds
from bench.reading import hits_of
from bench.rows import BEGIN, interactions
from bench.stores import Stores, stores
from chalicelib.graph import client
from chalicelib.ledger import day_answers, statistics
from chalicelib.projection import rebuild
from chalicelib.verification.run import Verification
from console.export import QUESTIONS_BEFORE
from console.pages.statistics import PARTS
from local.offline_rebuild import rebuild_offline

CHUNKS = 3
BATCH = 1000
GROWTH_TARGET = 0.85
STATS_SECONDS = 2.0
AHEAD_SECONDS = 3600  # catch-up takes ten seconds of each minute for it
OFFLINE_TARGET = 8
FIRST_USER = "0000-000000@example.com"
HITS_TARGET = 1.05
PAGE = ROOT / "docs" / "performance.md"


@click.command()
@click.option("--rows", default=5_000_000, show_default=True, help="rows of the filled ledger")
@click.option("--passes", default=1_000_000, show_default=True, help="rows that pass through the outbox before that")
@click.option("--chunk", default=50_000, show_default=True, help="rows of each measurement")
@click.option("--page", is_flag=True, help="write the figures into docs/performance.md too")
def main(rows: int, passes: int, chunk: int, *, page: bool) -> None:
    """Measure an empty system, fill it, and measure it again."""
    seeds = itertools.count()
    with stores() as opened, drainers(2, opened.secrets) as two, Progress() as progress:
        projecting.drained(opened, two, interactions(chunk, next(seeds)))  # Java compiles what has run often
        read = _read(opened)
        empty = _rates(opened, two, chunk, seeds)
        passed = _passed(opened, two, passes, chunk, seeds=seeds, progress=progress)
        rebuilt = _filled(opened, two, rows, progress)
        full = _rates(opened, two, chunk, seeds)
        figures = [
            *_growth(empty, full, rows),
            Figure(
                name=f"project, after {passes:,} rows passed, of the first",
                value=round(passed, 2),
                unit="ratio",
                target=GROWTH_TARGET,
            ),
            Figure(name="rebuild of the filled ledger", value=round(rebuilt), unit="rows/s", ceiling=round(full[1])),
            *_statistics(opened),
            *_imported(opened, rebuilt),
            _reading(read, _read(opened)),
            *_verified(opened, rows, progress),
        ]
    write(figures, ROOT / ".local" / "bench-large.json")
    show(figures)
    if page:
        text = f"{machine()} The ledger was filled with {rows:,} rows.\n\n{figures_table(figures)}"
        replace_figures(PAGE, "make bench-large BENCH=--page", text)


def _rates(opened: Stores, two: list[Drainer], chunk: int, seeds: "itertools.count[int]") -> tuple[float, float]:
    """Return the median rates of store and of two drains, in rows/s."""
    stored, projected = [], []
    for _ in range(CHUNKS):
        made = interactions(chunk, next(seeds))
        began = time.perf_counter()
        for at in range(0, chunk, BATCH):
            opened.ledger.store(made[at : at + BATCH])
        stored.append(chunk / (time.perf_counter() - began))
        projected.append(projecting.drain_all(opened, two, chunk))
    return median(stored), median(projected)


def _passed(
    opened: Stores, two: list[Drainer], passes: int, chunk: int, *, seeds: "itertools.count[int]", progress: Progress
) -> float:
    """Let so many rows pass through the outbox; return the rate of the last chunk as a share of the first one's."""
    rates = []
    task = progress.add_task("rows through the outbox", total=passes)
    for _ in range(0, passes, chunk):
        rates.append(projecting.drained(opened, two, interactions(chunk, next(seeds))))
        progress.advance(task, chunk)
    return median(rates[-CHUNKS:]) / median(rates[:CHUNKS])


def _filled(opened: Stores, two: list[Drainer], rows: int, progress: Progress) -> float:
    """Fill the ledger and project all of it with two callers; return their rate in rows/s."""
    begin = (datetime.now(UTC) - timedelta(days=DAYS)).date().isoformat()
    task = progress.add_task("rows into the ledger", total=rows)
    for part in fill(opened.owner, rows, begin):
        progress.advance(task, part)
    task = progress.add_task("rows into the graph", total=None)
    id_ = rebuild.begin(opened.ledger, cause="the bench")
    rebuild.step(opened.ledger, opened.graph)
    spent = seconds(two, [("rebuild", {"claim_rows": BATCH})] * len(two))
    progress.update(task, total=1, completed=1)
    [projected] = opened.owner.execute("SELECT projected FROM rebuild WHERE id = %s", [id_]).fetchone() or (0,)
    return float(projected / spent)


def _growth(empty: tuple[float, float], full: tuple[float, float], rows: int) -> list[Figure]:
    return [
        Figure(
            name=f"{name}, with {rows:,} rows of without",
            value=round(after / before, 2),
            unit="ratio",
            ceiling=round(before),
            target=GROWTH_TARGET,
        )
        for name, before, after in zip(("store 1000", "project, two drains"), empty, full, strict=True)
    ]


def _statistics(opened: Stores) -> list[Figure]:
    """Time what catch-up keeps ahead, then what `stats` and the console's page ask when nobody asked before."""
    day_answers.forget_changed(opened.ledger.connection)
    opened.owner.execute("DELETE FROM day_answer")
    # As two minutes after the last row, when catch-up has seen that nothing else was stored meanwhile.
    opened.owner.execute(
        "UPDATE day_answers_checked SET checked_at = clock_timestamp() + %s", [day_answers.LONGEST_WRITE]
    )
    spent = _timed(partial(statistics.keep_ahead, opened.ledger, in_time=lambda: True, seconds=AHEAD_SECONDS))
    page = [*(questions for _, questions in PARTS), QUESTIONS_BEFORE]
    asked: list[tuple[str, int, Sequence[Sequence[str] | None]]] = [
        ("stats of 30 days", 30, [None]),
        (f"stats of {DAYS} days", DAYS, [None]),
        ("statistics page of 90 days, all parts", 90, page),
    ]
    return [
        Figure(name="a day's answers, kept ahead", value=round(spent / DAYS, 2), unit="s", better="lower"),
        *(
            Figure(
                name=name,
                value=round(_timed(partial(_ask, opened, days, parts)), 2),
                unit="s",
                target=STATS_SECONDS,
                better="lower",
            )
            for name, days, parts in asked
        ),
    ]


def _ask(opened: Stores, days: int, parts: Sequence[Sequence[str] | None]) -> None:
    until = datetime.now(UTC).date()
    period: dict[str, Any] = {"since": str(until - timedelta(days=days - 1)), "until": str(until)}
    for questions in parts:
        cursor: int | None = None
        while True:
            asked = list(questions) if questions else None
            cursor = statistics.answer(opened.ledger, **period, questions=asked, cursor=cursor)["cursor"]
            if cursor is None:
                break


def _imported(opened: Stores, online: float) -> list[Figure]:
    """Have the importer make the graph; return how much faster than the online rebuild that is, and its memory."""
    before = psutil.Process().memory_info().rss
    began = time.perf_counter()
    rows = rebuild_offline(opened.cloud, lambda *_: None)
    rate = rows / (time.perf_counter() - began)
    opened.graph.close()  # the server that it was connected to is gone
    grown_mib = (psutil.Process().memory_info().rss - before) / 2**20
    return [
        Figure(
            name="offline rebuild, of the online one",
            value=round(rate / online, 1),
            unit="ratio",
            ceiling=round(online),
            target=OFFLINE_TARGET,
        ),
        Figure(name="offline rebuild", value=round(rate), unit="rows/s"),
        Figure(name="memory that an offline rebuild takes more", value=round(grown_mib), unit="MiB", better="lower"),
    ]


def _read(opened: Stores) -> dict[str, int]:
    """Return the db hits of the reader's questions about a user of the first chunk, who does nothing more."""
    with client.connect(**opened.secrets["neo4j"]) as driver, driver.session() as session:
        return hits_of(session, FIRST_USER, BEGIN + timedelta(days=1))


def _reading(first: dict[str, int], full: dict[str, int]) -> Figure:
    name = max(first, key=lambda name: full[name] / first[name])
    return Figure(
        name=f"db hits of a user's question, of those beside few users ({name})",
        value=round(full[name] / first[name], 2),
        unit="ratio",
        ceiling=first[name],
        target=HITS_TARGET,
        better="lower",
    )


def _verified(opened: Stores, rows: int, progress: Progress) -> list[Figure]:
    """Verify the whole graph; return the rate and by how much the process grew."""
    before = psutil.Process().memory_info().rss
    task = progress.add_task("rows verified", total=None)
    report: dict[str, Any] = {"cursor": None}

    def verify() -> None:
        while True:
            report.update(Verification(opened.ledger, opened.graph, repair=False).run(report["cursor"], _once))
            if report["missing"] or report["extra"] or report["different"] or report["undecided"]:
                raise RuntimeError("the graph differs from the ledger")
            if not report["cursor"]:
                return

    spent = _timed(verify)
    progress.update(task, total=1, completed=1)
    grown_mib = (psutil.Process().memory_info().rss - before) / 2**20
    [counted] = opened.owner.execute("SELECT count(*) FROM interaction").fetchone() or (rows,)
    return [
        Figure(name="verify", value=round(counted / spent), unit="rows/s"),
        Figure(name="memory that verify takes more", value=round(grown_mib), unit="MiB", better="lower"),
    ]


def _once() -> bool:
    return False


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
