"""A person: what they did, as a time line, as a graph, and as a list. Each look is in the operations' log."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from console.context import Context
from console.drawing import timeline, user_graph
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
        before = query.get("before") or _end_of(query.get("day", ""))
        person = source.operate("person", user_id=user.user_id, **({"before": before} if before else {}))
        rows = person["interactions"]
        graph = person["graph"]
        return view.show(
            "person_found.html",
            user=user,
            person=person,
            days=_by_day(rows[:ROWS]),
            shown=min(ROWS, len(rows)),
            times=sorted({_milliseconds(one["timestamp"]) for one in rows[:ROWS]}),
            timeline=timeline.draw(rows),
            graph=user_graph.draw(graph) if graph and graph["events"] else None,
            earlier=rows[-1]["timestamp"] if person["more"] else rows[ROWS]["timestamp"] if len(rows) > ROWS else None,
        )

    return [Route(PATH, page), Route(f"{PATH}/found", view.guarded(found))]


def _end_of(day: str) -> str | None:
    """Return the end of the day (UTC), None without one."""
    if not day:
        return None
    try:
        return datetime.combine(date.fromisoformat(day) + timedelta(days=1), time(), UTC).isoformat()
    except (ValueError, OverflowError):
        raise WrongUseError(f"“{day}” is not a day such as 2026-05-01") from None


def _by_day(rows: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    days: dict[str, list[dict[str, Any]]] = {}
    for one in rows:
        days.setdefault(one["timestamp"][:10], []).append(one)
    return days


def _milliseconds(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)
