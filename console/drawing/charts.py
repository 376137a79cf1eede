"""Charts as SVG without a script: bars and lines with quiet axes. Colours are classes, so that one style rules them.

Each chart is drawn twice, for wide and for narrow windows, and the style shows one: so its text keeps its size.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from console.drawing.plot import CHARACTER, Plot
from console.text import number as number_text
from scripts.common.console import printable

_WIDE: Final = 540
_NARROW: Final = 340
WIDE_CHARACTER: Final = 7.6  # for what must not be cut by the edge: fonts differ


@dataclass(frozen=True)
class Series:
    """Values with a name, drawn in the colour of a class; None is a gap."""

    name: str
    values: Sequence[float | None]
    colour: str
    dashed: bool = False


def stacked_bars(labels: Sequence[str], series: Sequence[Series], *, title: str, height: int = 220) -> Markup:
    """Return bars over the labels, the series on top of each other; a bar's title has its numbers."""

    def draw(width: int) -> Markup:
        totals = [sum(one.values[number] or 0 for one in series) for number in range(len(labels))]
        plot = Plot(width, height, max([*totals, 1]))
        slot = plot.width / max(1, len(labels))
        bars = Markup("").join(_bar(plot, slot, number, label, series) for number, label in enumerate(labels))
        return _svg(width, height, title, plot.axis() + bars + plot.labels(labels, slot, offset=slot / 2))

    return _legend(series) + _both(draw)


def lines(labels: Sequence[str], series: Sequence[Series], *, title: str, height: int = 180) -> Markup:
    """Return lines over the labels, which are evenly apart in time."""

    def draw(width: int) -> Markup:
        known = [value for one in series for value in one.values if value is not None]
        plot = Plot(width, height, max([*known, 1]))
        step = plot.width / max(1, len(labels) - 1)
        drawn = Markup("").join(
            Markup('<path class="line {}{}" d="{}"><title>{}</title></path>').format(
                f"stroke-{one.colour}", " dashed" if one.dashed else "", _path(plot, step, one.values), one.name
            )
            for one in series
        )
        return _svg(width, height, title, plot.axis() + drawn + plot.labels(labels, step))

    return _legend(series) + _both(draw)


@dataclass(frozen=True)
class Row:
    """A bar with its label, the text at its end, and maybe the interval that its value is known to lie in."""

    label: str
    value: float
    text: str
    colour: str = "plain"
    interval: tuple[float, float] | None = None


def rows(found: Sequence[Row], *, title: str, most: float | None = None) -> Markup:
    """Return a list of horizontal bars; labels that are too long are cut, and whole in the bar's title."""

    def draw(width: int) -> Markup:
        label_width = min(width * 0.42, 14 + WIDE_CHARACTER * max([len(printable(row.label)) for row in found] or [0]))
        text_width = 8 + CHARACTER * max([len(row.text) for row in found] or [0])
        scale = (width - label_width - text_width) / ((most or max([row.value for row in found] or [0])) or 1)
        drawn = Markup("").join(_row(row, number * 26, label_width, scale) for number, row in enumerate(found))
        return _svg(width, max(26, len(found) * 26), title, drawn)

    return _both(draw)


def _row(row: Row, top: int, left: float, scale: float) -> Markup:
    label, cut = printable(row.label), int((left - 8) / WIDE_CHARACTER)
    interval, end = Markup(""), row.value
    if row.interval:
        low, end = row.interval
        interval = Markup('<path class="interval" d="M{:.1f} {}V{}M{:.1f} {}H{:.1f}M{:.1f} {}V{}"/>').format(
            left + low * scale, top + 8, top + 18, left + low * scale, top + 13, left + end * scale,
            left + end * scale, top + 8, top + 18,
        )  # fmt: skip
    return Markup(
        '<g><title>{}: {}</title><text class="end" x="{:.1f}" y="{}">{}</text>'
        '<rect class="fill-{}" x="{:.1f}" y="{}" width="{:.1f}" height="16" rx="2"/>{}'
        '<text class="value" x="{:.1f}" y="{}">{}</text></g>'
    ).format(
        label, row.text, left - 8, top + 17, label if len(label) <= cut else f"{label[: max(1, cut - 1)]}…",
        row.colour, left, top + 5, max(1.0, row.value * scale), interval,
        left + max(row.value, end) * scale + 6, top + 17, row.text,
    )  # fmt: skip


def _bar(plot: Plot, slot: float, number: int, label: str, series: Sequence[Series]) -> Markup:
    below, parts, told = 0.0, [], [label]
    for one in series:
        value = one.values[number] or 0
        told.append(f"{one.name}: {number_text(value)}")
        if value:
            top = plot.y(below + value)
            parts.append(
                Markup('<rect class="fill-{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>').format(
                    one.colour, plot.left + slot * (number + 0.14), top, slot * 0.72, plot.y(below) - top
                )
            )
            below += value
    return Markup("<g><title>{}</title>{}</g>").format("\n".join(told), Markup("").join(parts))


def _path(plot: Plot, step: float, values: Sequence[float | None]) -> str:
    parts, pen = [], "M"
    for number, value in enumerate(values):
        if value is None:
            pen = "M"
            continue
        parts.append(f"{pen}{plot.left + number * step:.1f} {plot.y(value):.1f}")
        pen = "L"
    return "".join(parts)


def _legend(series: Sequence[Series]) -> Markup:
    keys = Markup("").join(
        Markup('<li><svg class="key" viewBox="0 0 14 10" aria-hidden="true">{}</svg>{}</li>').format(
            Markup('<path class="line stroke-{}{}" d="M0 5h14"/>').format(one.colour, " dashed")
            if one.dashed
            else Markup('<rect class="fill-{}" width="14" height="10" rx="2"/>').format(one.colour),
            one.name,
        )
        for one in series
    )
    return Markup('<ul class="legend">{}</ul>').format(keys)


def _both(draw: Callable[[int], Markup]) -> Markup:
    return Markup('<div class="chart wide">{}</div><div class="chart narrow">{}</div>').format(
        draw(_WIDE), draw(_NARROW)
    )


def _svg(width: int, height: int, title: str, content: Markup) -> Markup:
    return Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(width, height, title, content)
