"""A person: what they did, as a time line, as a graph, and as a list. Each look is in the operations' log."""

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from console.context import Context
from console.drawing import timeline, user_graph
from console.view import zone_of
from scripts.common.errors import WrongUseError
from scripts.common.users import find_user

PATH: Final = "/person"
TITLE: Final = "A person"
ROWS: Final = 200


def routes(context: Context) -> list[Route]:
    """Return the page's routes."""
    source, view = context.source, context.view

    def page(request: Request) -> Response:
        query = {name: request.query_params.get(name, "").strip() for name in ("user", "day", "before")}
        return view.show("person.html", query=query)

    def found(request: Request) -> Response:
        query = request.query_params
        user = source.ask(lambda target: find_user(target, query.get("user", "").strip()))
        zone, day = zone_of(request), _day(query.get("day", ""))
        before = query.get("before") or (_end_of(day, zone) if day else None)
        person = source.operate("person", user_id=user.user_id, **({"before": before} if before else {}))
        rows = person["interactions"]
        graph = person["graph"]
        return view.show(
            "person_found.html",
            user=user,
            person=person,
            zone=zone,
            asked_day=day,
            days=_by_day(rows[:ROWS], zone),
            shown=min(ROWS, len(rows)),
            times=sorted({_milliseconds(one["timestamp"]) for one in rows[:ROWS]}),
            timeline=timeline.draw(rows, zone),
            graph=user_graph.draw(graph, zone) if graph and graph["events"] else None,
            earlier=rows[-1]["timestamp"] if person["more"] else rows[ROWS]["timestamp"] if len(rows) > ROWS else None,
        )

    return [Route(PATH, page), Route(f"{PATH}/found", view.guarded(found))]


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise WrongUseError(f"“{text}” is not a day such as 2026-05-01") from None


def _end_of(day: date, zone: tzinfo) -> str:
    """Return the end of the viewer's day."""
    try:
        return datetime.combine(day + timedelta(days=1), time(), zone).astimezone(UTC).isoformat()
    except OverflowError:
        raise WrongUseError(f"{day} is too far ahead") from None


def _by_day(rows: list[dict[str, Any]], zone: tzinfo) -> dict[date, list[dict[str, Any]]]:
    """Return the rows by the viewer's day."""
    days: dict[date, list[dict[str, Any]]] = {}
    for one in rows:
        days.setdefault(datetime.fromisoformat(one["timestamp"]).astimezone(zone).date(), []).append(one)
    return days


def _milliseconds(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)
