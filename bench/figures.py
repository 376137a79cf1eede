"""What the bench found: figures, each beside its ceiling, as a table and as JSON."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A figure; where its target is a ratio, `value` is that ratio."""

    name: str
    value: float
    unit: str
    ceiling: float | None = None
    """The best known code's rate for the same rows, in the same run; for a ratio, that of which it is a share."""
    target: float | None = None
    better: str = "higher"

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None if there is none."""
        if self.target is None:
            return None
        return self.value >= self.target if self.better == "higher" else self.value <= self.target


def of_rates(
    name: str, rates: list[float], ceilings: list[float], target: float | None = None, unit: str = "rows/s"
) -> list[Figure]:
    """Return the median rate, and the median of its shares in the ceiling that was measured in the same round."""
    share = median(rate / ceiling for rate, ceiling in zip(rates, ceilings, strict=True))
    ceiling = round(median(ceilings), 1)
    return [
        Figure(name=name, value=round(median(rates), 1), unit=unit, ceiling=ceiling),
        Figure(name=f"{name}: share", value=round(share, 3), unit="ratio", ceiling=ceiling, target=target),
    ]


def write(figures: Iterable[Figure], path: Path) -> None:
    """Write the figures as a JSON list."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps([asdict(figure) for figure in figures], indent=1) + "\n")


def show(figures: Iterable[Figure]) -> None:
    """Print the figures as a table."""
    table = Table("figure", "value", "unit", "ceiling", "target", "")
    for figure in figures:
        aim = "" if figure.target is None else f"{'≥' if figure.better == 'higher' else '≤'} {figure.target:g}"
        ceiling = "" if figure.ceiling is None else f"{figure.ceiling:,.0f}"
        met = {None: "", True: "met", False: "missed"}[figure.met]
        table.add_row(figure.name, f"{figure.value:,.4g}", figure.unit, ceiling, aim, met)
    Console(width=120).print(table)
