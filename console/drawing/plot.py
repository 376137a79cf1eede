"""The area of a chart: its axis of numbers, and the labels below it."""

import math
from collections.abc import Sequence
from typing import Final

from markupsafe import Markup

from console.text import number

CHARACTER: Final = 6.6  # the width of one in the charts' 12 px type
_LEFT: Final = 46  # for the numbers of the axis
_TOP, _BOTTOM = 10, 24
_TICKS: Final = 4


class Plot:
    """The area of a chart with an axis of numbers at its left."""

    def __init__(self, width: int, height: int, highest: float) -> None:
        self.left, self.width, self.height = _LEFT, width - _LEFT - 8, height - _TOP - _BOTTOM
        self.step = _step(highest / _TICKS)
        self.ceiling = self.step * math.ceil(highest / self.step)

    def y(self, value: float) -> float:
        """Return where the value lies."""
        return _TOP + self.height * (1 - value / self.ceiling)

    def axis(self) -> Markup:
        """Return a line and a number for each step."""
        ticks = [self.step * number for number in range(round(self.ceiling / self.step) + 1)]
        return Markup("").join(
            Markup('<path class="grid" d="M{} {:.1f}h{}"/><text class="end" x="{}" y="{:.1f}">{}</text>').format(
                self.left, self.y(tick), self.width, self.left - 6, self.y(tick) + 4, _compact(tick)
            )
            for tick in ticks
        )

    def labels(self, labels: Sequence[str], step: float, *, offset: float = 0) -> Markup:
        """Return as many of the labels as fit side by side, each below its place."""
        widest = CHARACTER * max([len(label) for label in labels] or [1]) + 14
        every = max(1, math.ceil(widest / step)) if step else 1
        bottom, edge = _TOP + self.height + 17, self.left + self.width + 8 - widest / 2
        places = [(label, self.left + offset + place * step) for place, label in enumerate(labels) if not place % every]
        return Markup("").join(
            Markup('<text class="middle" x="{:.1f}" y="{}">{}</text>').format(x, bottom, label)
            for label, x in places
            if x <= edge or len(labels) == 1
        )


def _step(rough: float) -> float:
    """Return the next of 1, 2, 5, 10, … at or above this, and never less than 1: what is drawn is counted."""
    if rough <= 1:
        return 1
    power = 10 ** math.floor(math.log10(rough))
    return float(next(one * power for one in (1, 2, 5, 10) if one * power >= rough))


def _compact(value: float) -> str:
    return f"{value / 1e6:g}M" if value >= 1e6 else number(value)  # noqa: PLR2004  a million
