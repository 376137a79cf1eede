"""Prints a table of figures, each beside its ceiling, and writes `.local/bench.json`: `python -m bench`.

Five rounds; in each, every piece of code and its ceiling run one after the other, on rows of their own. What is shown
is the median of the rounds, so that a machine that is busy for a while disturbs both alike.
"""

import itertools
from collections import defaultdict
from pathlib import Path
from statistics import mean, median

import click

from bench import projecting, starting, storing
from bench.figures import Figure, of_rates, show, write
from bench.page import write as write_page
from bench.processes import ROOT, drainers
from bench.rows import interactions
from bench.stores import Stores, stores
from bench.storing import ROUND_TRIPS

ROUNDS = 5
WARM_UP_ROWS = 20_000
TARGETS = {
    "handle 10": 0.6,
    "handle 100": 0.8,
    "handle 1000": 0.8,
    "project, two drains": 0.85,
    "rebuild, two callers of two drains": 0.9,
    "project, one hot user of an even spread": 0.8,
    "project, a repeated claim of the first": 1.0,
    "project, the last of parallel edges of the first": 0.9,
    "against the older code: two drains": 1.8,
    "against the older code: claims of 10": 3.0,
}


@click.command()
@click.option("--rows", default=100_000, show_default=True, help="rows of each figure, in all rounds together")
@click.option("--older", type=click.Path(exists=True, path_type=Path), help="`runtime` folder of an older release")
@click.option("--page", is_flag=True, help="write the figures into docs/performance.md too")
def main(rows: int, older: Path | None, *, page: bool) -> None:
    """Measure, print and write."""
    seeds = itertools.count()
    rates: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    with stores() as opened:
        for number in range(ROUNDS):
            click.echo(f"round {number + 1} of {ROUNDS}")
            for name, rate in _round(opened, rows // ROUNDS, seeds, older, first=number == 0).items():
                rates[name].append(rate)
    figures = [figure for name, pairs in rates.items() for figure in _figures(name, *_split(pairs))]
    figures += _starts([starting.seconds() for _ in range(ROUNDS)])
    cpu_seconds = median(starting.cpu_seconds() for _ in range(ROUNDS))
    figures.append(Figure(name="API function, a request", value=cpu_seconds * 1000, unit="ms of CPU", better="lower"))
    write(figures, ROOT / ".local" / "bench.json")
    show(figures)
    if page:
        write_page(figures, rows, starting.by_memory(cpu_seconds))


def _round(
    opened: Stores, rows: int, seeds: "itertools.count[int]", older: Path | None, *, first: bool
) -> projecting.Rates:
    found = storing.rates(opened, rows, lambda: next(seeds))
    with drainers(2, opened.secrets) as two:
        if first:  # Java compiles what has run often
            projecting.drained(opened, two, interactions(WARM_UP_ROWS, next(seeds)))
            projecting.blind(opened, two, interactions(WARM_UP_ROWS, next(seeds)))
        found |= projecting.rates(opened, two, rows, lambda: next(seeds))
        found["project, the last of parallel edges of the first"] = projecting.flat(
            opened, two[0], rows // 2, next(seeds)
        )
    if older:
        found |= _beside(opened, older, rows, seeds)
    return found


def _beside(opened: Stores, older: Path, rows: int, seeds: "itertools.count[int]") -> projecting.Rates:
    """Measure this code and the older one in turn, this one first and last: Java is the warmer the later."""
    with opened.graph.transaction() as transaction:  # code writes into no graph of a newer version
        transaction.run("MATCH (w:Watermark) SET w.version = 0").consume()
    with drainers(2, opened.secrets) as own, drainers(2, opened.secrets, older) as before:
        turns = (own, before, before, own)
        many = [projecting.drained(opened, two, interactions(rows // 4, next(seeds))) for two in turns]
        small = [projecting.drained(opened, two[:1], interactions(rows // 20, next(seeds)), 10) for two in turns]
    return {
        "against the older code: two drains": _in_turn(many),
        "against the older code: claims of 10": _in_turn(small),
    }


def _in_turn(rates: list[float]) -> tuple[float, float]:
    first, second, third, last = rates
    return mean([first, last]), mean([second, third])


def _split(pairs: list[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [rate for rate, _ in pairs], [ceiling for _, ceiling in pairs]


def _figures(name: str, rates: list[float], ceilings: list[float]) -> list[Figure]:
    if name.endswith(ROUND_TRIPS):
        return [Figure(name=name, value=round(median(rates), 1), unit=ROUND_TRIPS, ceiling=1, better="lower")]
    return of_rates(name, rates, ceilings, TARGETS.get(name))


def _starts(pairs: list[tuple[float, float]]) -> list[Figure]:
    milliseconds = [(own * 1000, bare * 1000) for own, bare in pairs]
    ratio = median(own / bare for own, bare in milliseconds)
    bare = median(bare for _, bare in milliseconds)
    own = median(own for own, _ in milliseconds)
    return [
        Figure(name="API function, fresh process", value=round(own), unit="ms", ceiling=round(bare), better="lower"),
        Figure(
            name="API function, of a bare sender",
            value=round(ratio, 2),
            unit="ratio",
            ceiling=round(bare),
            target=1.5,
            better="lower",
        ),
    ]


if __name__ == "__main__":
    main()
