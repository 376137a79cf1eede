"""How each table of the statistics is drawn."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from math import sqrt
from typing import Any, Final, NamedTuple

from markupsafe import Markup

from chalicelib.interaction import Kind
from console.drawing.charts import Row, Series, rows, stacked_bars
from console.text import artifact, number, percent, plural
from scripts.reports.tables import UNANSWERED

Z: Final = 1.96  # of a normal distribution: intervals hold in 95 of 100 cases
Records = Sequence[Mapping[str, Any]]
Draw = Callable[[Records, str], Markup]


class Drawing(NamedTuple):
    """A table's title, what a reader must know, and its chart, if it has one."""

    title: str
    note: str = ""
    draw: Draw | None = None


def interval(part: float, whole: float) -> tuple[float, float]:
    """Return the bounds between which the share lies in 95 of 100 cases, by Wilson's score; 0 and 1 without data."""
    if not whole:
        return 0.0, 1.0
    share, spread = part / whole, Z**2 / whole
    middle, half = share + spread / 2, sqrt(share * (1 - share) * spread + spread**2 / 4)
    return max(0.0, (middle - half) / (1 + spread)), min(1.0, (middle + half) / (1 + spread))


def _by_day(found: Records, title: str) -> Markup:
    days = sorted({one["day"] for one in found})
    known = [kind.value for kind in Kind]
    kinds = sorted({one["kind"] for one in found}, key=lambda kind: known.index(kind) if kind in known else len(known))
    counts = {(one["day"], one["kind"]): one["interactions"] for one in found}
    series = [Series(kind, [counts.get((day, kind), 0) for day in days], kind) for kind in kinds]
    return stacked_bars([_day(day) for day in days], series, title=title)


def _people(found: Records, title: str) -> Markup:
    return stacked_bars(
        [_day(one["day"]) for one in found], [Series("people", [one["users"] for one in found], "accent")], title=title
    )


def _outcomes(found: Records, title: str) -> Markup:
    recalls = [one for one in found if one.get("kind", Kind.RECALL) == Kind.RECALL]
    series = [
        Series("something kept or marked good", [one["good_outcome"] for one in recalls], "good"),
        Series("nothing", [one["no_good_outcome"] for one in recalls], "plain"),
    ]
    return stacked_bars([_day(one["day"]) for one in recalls], series, title=title)


def _sessions(found: Records, title: str) -> Markup:
    series = [Series("sessions", [one["sessions"] for one in found], "accent")]
    return stacked_bars([_day(one["day"]) for one in found], series, title=title)


def _steps(label: str, value: str) -> Draw:
    """Return a function that draws counts as bars, with their share of the first."""
    return lambda found, title: _shares(found, title, label, value, whole=found[0][value])


def _parts(label: str, value: str) -> Draw:
    """Return a function that draws counts as bars, with their share of the sum."""
    return lambda found, title: _shares(found, title, label, value, whole=sum(one[value] for one in found))


def _shares(found: Records, title: str, label: str, value: str, *, whole: float) -> Markup:
    return rows(
        [
            Row(str(one[label]), one[value], f"{number(one[value])} ({percent(one[value] / (whole or 1))})", "accent")
            for one in found
        ],
        title=title,
    )


def _rates(part: str, *whole: str, colour: str) -> Draw:
    """Return a function that draws by rank which share a column has of the sum of others, with its interval."""

    def draw(found: Records, title: str) -> Markup:
        sums = [(one, sum(one[name] or 0 for name in whole)) for one in found]
        drawn = [
            Row(f"rank {one['rank']}" if one["rank"].isdigit() else one["rank"], one[part] / count,
                f"{percent(one[part] / count)} of {number(count)}", colour, interval(one[part], count))
            for one, count in sums if count
        ]  # fmt: skip
        return rows(drawn, title=title, most=1)

    return draw


def _ranks(found: Records, title: str) -> Markup:
    peeled = _rates("peeled", "shown", colour="accent")(found, title)
    if not any(one["good"] or one["bad"] for one in found):
        return peeled
    opinions = _rates("good", "good", "bad", colour="good")(found, "Share of the marks that are good, by rank")
    return Markup("{}<h4>Marks that are good, of all marks</h4>{}").format(peeled, opinions)


def _artifacts(column: str, colour: str) -> Draw:
    def draw(found: Records, title: str) -> Markup:
        counts = [(artifact(one["artifact_id"]), one[column]) for one in found]
        return rows([Row(name, count, number(count), colour) for name, count in counts], title=title)

    return draw


def _queries(found: Records, title: str) -> Markup:
    def told(one: Mapping[str, Any]) -> str:
        without = f", {number(one['without_result'])} without a result" if one["without_result"] else ""
        return f"{plural(one['recalls'], 'recall')}{without}"

    return rows([Row(one["query"], one["recalls"], told(one), "bad") for one in found], title=title)


def _day(text: str) -> str:
    day = date.fromisoformat(text)
    return f"{day.day} {day:%b}"


FIGURES: Final[dict[str, Drawing]] = {
    UNANSWERED: Drawing(
        "Unknown",
        "These took too long to count, and the other figures are without them. Fewer days, or another time, may help.",
    ),
    "interactions_by_day": Drawing("Interactions by day", "", _by_day),
    "active_users_by_day": Drawing("People by day", "", _people),
    "funnel": Drawing(
        "From recall to good",
        "All recalls. Each step is a part of the step before: marked good counts what was also peeled and kept.",
        _steps("recalls", "number"),
    ),
    "events_by_day": Drawing(
        "Outcome of recalls by day", "All recalls by their day, with what came of them until now.", _outcomes
    ),
    "time_to_first_peel": Drawing(
        "Time to the first peel", "All recalls; a peel of anything counts.", _parts("time", "recalls")
    ),
    "results_by_rank": Drawing(
        "Results that were peeled, by rank",
        "Of the recalls that say which results they showed. Lines show where the share lies in 95 of 100 cases.",
        _ranks,
    ),
    "first_peeled_rank": Drawing(
        "Rank of the first peel",
        "All recalls. “Results unknown”: the recall does not say which results it showed.",
        _parts("rank", "recalls"),
    ),
    "queries_without_outcome": Drawing(
        "Queries that lead nowhere",
        "Nothing was kept or marked good after any recall of them. The first 10; others may have as many recalls.",
        _queries,
    ),
    "most_kept_artifacts": Drawing("Most kept artifacts", "The first 10.", _artifacts("keeps", "keep")),
    "most_marked_bad_artifacts": Drawing("Artifacts most marked bad", "The first 10.", _artifacts("bad", "bad")),
    "sessions_by_day": Drawing(
        "Sessions by day", "A session ends after 30 minutes without an interaction, and at midnight UTC.", _sessions
    ),
    "dated_ahead": Drawing(
        "Dated ahead of their arrival", "By clients whose clocks are wrong; the other tables leave them out."
    ),
    "graph_outbox": Drawing("Waiting for the graph"),
    "balance": Drawing("Where accepted interactions are"),
}
"""By the names of the tables, in the order in which people ask."""
