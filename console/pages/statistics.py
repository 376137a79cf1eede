"""Statistics: headline figures, charts, tables and CSV; asked in parts, so that the first come at once."""

from datetime import UTC, date, datetime
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from chalicelib.interaction import Kind
from console.context import Context
from console.drawing.figures import FIGURES
from console.export import QUESTIONS_BEFORE
from console.period import Period
from console.source import UnavailableError
from console.statistics import Headline, figures, headlines
from scripts.common.errors import WrongUseError
from scripts.reports.tables import UNANSWERED, Table, as_csv, fetch_tables

PATH: Final = "/statistics"
TITLE: Final = "Statistics"
DAYS: Final = (1, 7, 14, 30, 60, 90, 180)
PARTS: Final = (
    ("Use", ("interactions_by_day", "active_users_by_day", "events_by_day", "sessions_by_day")),
    ("What recalls lead to", ("funnel", "time_to_first_peel")),
    ("Results", ("results_by_rank", "first_peeled_rank")),
    ("Queries and artifacts", ("queries_without_outcome", "most_kept_artifacts", "most_marked_bad_artifacts")),
    ("Clocks", ("dated_ahead",)),
)


def routes(context: Context) -> list[Route]:
    """Return the page's routes."""
    view = context.view

    def fetch(period: Period, questions: tuple[str, ...]) -> dict[str, Table]:
        return context.source.ask(
            lambda target: fetch_tables(target, since=period.since, until=period.until, questions=questions)
        )

    def page(request: Request) -> Response:
        period, today = _period(request), datetime.now(UTC).date()
        return view.show(
            "statistics.html",
            query=_query(request),
            period=period,
            finished=period.finished(today),
            parts=[name for name, _ in PARTS],
            days=DAYS,
            kinds=[kind.value for kind in Kind],
        )

    def part(request: Request) -> Response:
        number, period = request.query_params.get("part", ""), _period(request)
        if number not in map(str, range(len(PARTS))):
            raise WrongUseError(f"no part {number!r}")
        _, questions = PARTS[int(number)]
        tables = fetch(period, questions)
        top = _headlines(tables, period) if number == "0" else []
        return view.show("statistics_part.html", query=_query(request), headlines=top, figures=figures(tables, period))

    def _headlines(tables: dict[str, Table], period: Period) -> list[Headline]:
        today = datetime.now(UTC).date()
        return headlines(tables, fetch(period.finished(today).before, QUESTIONS_BEFORE), period, today=today)

    def table(request: Request) -> Response:
        name, period = request.query_params.get("table", ""), _period(request)
        if name not in FIGURES:
            raise WrongUseError(f"no table {name!r}")
        tables = fetch(period, (name,))
        if unknown := tables.get(UNANSWERED):
            raise UnavailableError(f"It takes too long to count: {unknown['rows'][0][0]}. Choose fewer days.")
        found = figures(tables, period)
        file = f'attachment; filename="{name}-{period.since}-{period.until}.csv"'
        text = as_csv(found[0].table) if found else ""
        return PlainTextResponse(text, media_type="text/csv", headers={"Content-Disposition": file})

    return [
        Route(PATH, view.guarded(page)),
        Route(f"{PATH}/part", view.guarded(part)),
        Route(f"{PATH}/table.csv", view.guarded(table)),
    ]


def _query(request: Request) -> dict[str, Any]:
    return {name: request.query_params.get(name, "") for name in ("days", "until", "kind")}


def _period(request: Request) -> Period:
    query = _query(request)
    try:
        until = date.fromisoformat(query["until"]) if query["until"] else datetime.now(UTC).date()
        days = int(query["days"] or 7)
        period = Period.last(days, until, query["kind"])
    except (ValueError, OverflowError):
        raise WrongUseError("not a period: give a number of days and a day such as 2026-05-01") from None
    if not 1 <= days <= max(DAYS):
        raise WrongUseError(f"give 1 to {max(DAYS)} days; `stats` shows more")
    return period
