"""Writes the figures into `docs/performance.md`, between two comments: a table, a chart, and on what machine."""

import os
import platform
from collections.abc import Sequence
from pathlib import Path

import psutil

from bench.figures import Figure

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
END = "<!-- end of figures -->"


def write(figures: Sequence[Figure], rows: int, memory: Sequence[Sequence[str]]) -> None:
    """Write the bench's figures into its page, and what each size of the API function's memory gives and costs."""
    parts = [f"{machine()} {rows:,} rows a figure.", figures_table(figures), _chart(figures), markdown(memory)]
    replace_figures(PAGE, "make bench BENCH=--page", "\n\n".join(parts))


def replace_figures(page: Path, command: str, text: str) -> None:
    """Replace what stands between the comment that names this command, and the next end of figures."""
    begin = f"<!-- figures: `{command}` writes them -->"
    before, found, rest = page.read_text().partition(begin)
    if not found:
        raise ValueError(f"{page.name} has no place for what {command} writes")
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{begin}\n\n{text}\n\n{END}{after}")


def machine() -> str:
    """Return a sentence about this machine."""
    memory, load = psutil.virtual_memory().total / 2**30, os.getloadavg()[2]
    return (
        f"{psutil.cpu_count()} cores ({platform.machine()}), {memory:.0f} GiB, Python {platform.python_version()}. The"
        f" load average of the last 15 minutes was {load:.1f}; the bench alone makes about 2."
    )


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """Return rows as a table of Markdown; the first is its head."""
    head, *rest = rows
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *rest])


def figures_table(figures: Sequence[Figure]) -> str:
    """Return the figures as a table of Markdown."""
    rows = [["figure", "value", "unit", "ceiling", "target", ""]]
    for one in figures:
        target = "" if one.target is None else f"{'≥' if one.better == 'higher' else '≤'} {one.target:g}"
        ceiling = "" if one.ceiling is None else f"{one.ceiling:,.0f}"
        met = {None: "", True: "met", False: "missed"}[one.met]
        value = f"{one.value:.2f}" if abs(one.value) < 10 else f"{one.value:,.0f}"  # noqa: PLR2004
        rows.append([one.name, value, one.unit, ceiling, target, met])
    return markdown(rows)


def _chart(figures: Sequence[Figure]) -> str:
    rates = {one.name: one for one in figures if one.unit == "rows/s" and one.ceiling and "project" in one.name}
    names = ", ".join(f'"{name.removeprefix("project, ")}"' for name in list(rates)[:4])
    values = ", ".join(f"{one.value:.0f}" for one in list(rates.values())[:4])
    ceilings = ", ".join(f"{one.ceiling:.0f}" for one in list(rates.values())[:4])
    return (
        '```mermaid\nxychart-beta\n    title "Projected rows a second (bars) and the ceiling (line)"\n'
        f"    x-axis [{names}]\n    bar [{values}]\n    line [{ceilings}]\n```"
    )
