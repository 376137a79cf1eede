"""An interaction's story: accepted, queued, stored, projected, or dead-lettered and why; or never seen here."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from console.context import Context
from console.pages.dead_letters import REASONS
from console.source import find_user_id
from scripts.common.errors import WrongUseError
from scripts.dlq.message import Selection
from scripts.reports.queue_state import read_queue

PATH: Final = "/story"
TITLE: Final = "Story"
MAX_LOOKS: Final = 120  # once a second, at what is still on its way
PATIENT_LOOKS: Final = 5  # before the dead-letter queue is searched for what was sent just now


def routes(context: Context) -> list[Route]:
    """Return the page's routes."""
    view = context.view

    def page(request: Request) -> Response:
        query = {name: request.query_params.get(name, "").strip() for name in ("id", "user")}
        return view.show("story.html", query=query)

    def found(request: Request) -> Response:
        query = request.query_params
        id_ = _uuid(query.get("id", ""))
        user_id = find_user_id(context.source, query.get("user", "").strip()) or None
        looks = int(query["looks"]) if query.get("looks", "").isdecimal() else None
        story = context.source.operate("story", id=id_, user_id=user_id)
        rows = [_row(one, story) for one in story["interactions"]]
        missing = {} if rows else _search(context, id_, sent_now=looks is not None and looks < PATIENT_LOOKS)
        on_the_way = any(not row["in_graph"] and not row["parked"] for row in rows)
        unsettled = on_the_way or (not rows and looks is not None and not missing["letters"])
        next_look = (looks or 0) + 1 if unsettled and (looks or 0) < MAX_LOOKS else None
        return view.show(
            "story_found.html",
            reasons=REASONS,
            asked={"id": id_, "user_id": user_id},
            story=story,
            rows=rows,
            next_look=next_look,
            **missing,
        )

    return [Route(PATH, page), Route(f"{PATH}/found", view.guarded(found))]


def _uuid(text: str) -> str:
    try:
        return str(UUID(text.strip()))
    except ValueError:
        raise WrongUseError(f"“{text}” is not an id: give one such as d3aac781-5229-5aa4-997e-6705b4971007") from None


def _search(context: Context, id_: str, *, sent_now: bool) -> dict[str, Any]:
    """Return the dead letters that name the id, and how many messages wait; what was sent just now is not dead yet."""
    found = [] if sent_now else context.letters.read().messages
    letters = [one for one in found if Selection(text=id_).matches(one)]
    waiting = context.source.ask(lambda target: read_queue(target, "QueueUrl")).messages
    return {"letters": letters, "sent_now": sent_now, "waiting": waiting}


def _row(one: dict[str, Any], story: dict[str, Any]) -> dict[str, Any]:
    """Return an interaction with the seconds between its steps."""
    happened, received, stored = (
        datetime.fromisoformat(one[name]) for name in ("timestamp", "received_at", "stored_at")
    )
    until = story["projected_until"]
    return {
        **one,
        "seconds_to_accept": (received - happened).total_seconds(),
        "seconds_to_store": (stored - received).total_seconds(),
        "graph_by": until if one["in_graph"] and until and datetime.fromisoformat(until) > stored else None,
    }
