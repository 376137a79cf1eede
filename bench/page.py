"""Writes the figures into `docs/performance.md`, between two comments: a table, a chart, and on what machine."""

import os
import platform
import re
from collections.abc import Sequence
from pathlib import Path

import psutil

from bench.figures import Figure

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
BEGIN, END = re.compile(r"(<!-- figures: .* -->)"), "<!-- end of figures -->"


def write(figures: Sequence[Figure], rows: int) -> None:
    """Write the bench's figures into its page."""
    replace_figures(PAGE, f"{_machine(rows)}\n\n{_table(figures)}\n\n{_chart(figures)}")


def replace_figures(page: Path, text: str) -> None:
    """Replace what stands between a page's two comments."""
    before, begin, rest = BEGIN.split(page.read_text(), maxsplit=1)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{begin}\n\n{text}\n\n{END}{after}")


def _machine(rows: int) -> str:
    memory, load = psutil.virtual_memory().total / 2**30, os.getloadavg()[2]
    return (
        f"{psutil.cpu_count()} cores ({platform.machine()}), {memory:.0f} GiB, Python {platform.python_version()},"
        f" {rows:,} rows a figure. The load average of the last 15 minutes was {load:.1f}; the bench alone makes"
        " about 2."
    )


def _table(figures: Sequence[Figure]) -> str:
    lines = ["| figure | value | unit | ceiling | target | |", "| --- | --- | --- | --- | --- | --- |"]
    for one in figures:
        target = "" if one.target is None else f"{'≥' if one.better == 'higher' else '≤'} {one.target:g}"
        ceiling = "" if one.ceiling is None else f"{one.ceiling:,.0f}"
        met = {None: "", True: "met", False: "missed"}[one.met]
        value = f"{one.value:.2f}" if one.unit == "ratio" else f"{one.value:,.0f}"
        lines.append(f"| {one.name} | {value} | {one.unit} | {ceiling} | {target} | {met} |")
    return "\n".join(lines)


def _chart(figures: Sequence[Figure]) -> str:
    rates = {one.name: one for one in figures if one.unit == "rows/s" and one.ceiling and "project" in one.name}
    names = ", ".join(f'"{name.removeprefix("project, ")}"' for name in list(rates)[:4])
    values = ", ".join(f"{one.value:.0f}" for one in list(rates.values())[:4])
    ceilings = ", ".join(f"{one.ceiling:.0f}" for one in list(rates.values())[:4])
    return (
        '```mermaid\nxychart-beta\n    title "Projected rows a second (bars) and the ceiling (line)"\n'
        f"    x-axis [{names}]\n    bar [{values}]\n    line [{ceilings}]\n```"
    )
