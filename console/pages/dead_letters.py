"""Dead letters: what could not be stored and why, and the ways to put it right."""

import json
import time
from datetime import timedelta
from itertools import islice
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chalicelib.interaction import Kind
from console.context import Context
from console.dead_letters import group, redriven, select
from console.mended_times import find_times
from console.source import Source, find_user_id
from console.view import View
from scripts.common.errors import WrongUseError
from scripts.dlq.mend import find_problems, find_refusals
from scripts.dlq.message import GAVE_UP, POISON, DlqMessage, Selection

PATH: Final = "/dead-letters"
TITLE: Final = "Dead letters"
SHOWN_MESSAGES: Final = 100
SHOWN_CHARACTERS: Final = 300_000
SHOWN_TIMES: Final = 40
KEPT: Final = timedelta(days=14)  # from when it was posted
REASONS: Final = {
    GAVE_UP: "could not be stored for a day, most often because Postgres was unavailable; it can be sent back",
    "not_json": "is not JSON; it can never be stored as it is",
    "refused": "has a field that is not allowed or is wrong; it can never be stored as it is",
    "data_error": "Postgres refuses its data; it can never be stored as it is",
}
FILTERS: Final = ("reason", "kind", "user", "hours", "text")
ACTIONS: Final = {"redrive": "Send back", "discard": "Discard"}


def routes(context: Context) -> list[Route]:
    """Return the page's routes."""
    view, letters = context.view, context.letters

    def page(request: Request) -> Response:
        return view.show("dead_letters.html", query=_query(request), reasons=[GAVE_UP, *POISON], kinds=list(Kind))

    def found(request: Request) -> Response:
        query = _query(request)
        contents = letters.read(fresh="fresh" in request.query_params)
        selection = _selection(context.source, query)
        messages = [one for one in contents.messages if selection.matches(one)]
        return view.show(
            "dead_letters_list.html",
            query=query,
            filtered=any(query.values()),
            contents=contents,
            groups=group(messages),
            messages=messages[:SHOWN_MESSAGES],
            count=len(messages),
            reasons=REASONS,
        )

    def message(request: Request) -> Response:
        one = letters.find(request.query_params.get("id", ""))
        return _show(view, one, _editable(one), step="edit") if one else view.show("dead_letter_gone.html", status=404)

    def mend(fields: dict[str, str]) -> Response:
        one, body = letters.find(fields.get("id", "")), fields.get("body", "")
        if not one:
            return view.show("dead_letter_gone.html", status=404)
        if find_refusals(one, body) or fields.get("confirm") != "send":
            return _show(view, one, body, step="check", typed=fields.get("confirm", ""))
        ids, file = letters.mend(one.message_id, body)
        return view.show("dead_letter_mended.html", ids=ids, file=file)

    def plan(request: Request) -> Response:
        return view.show(
            "dead_letters_plan.html", **_plan(context, request.query_params.get("action", ""), _query(request))
        )

    def move(fields: dict[str, str]) -> Response:
        planned = _plan(context, fields.get("action", ""), {name: fields.get(name, "") for name in FILTERS})
        if fields.get("confirm") != planned["phrase"]:
            return view.show("dead_letters_plan.html", **planned | {"typed": fields.get("confirm", "")})
        done, file = letters.move(planned["action"], planned["selection"], planned["count"])
        return view.show("dead_letters_moved.html", done=done, action=planned["action"], file=file)

    return [
        Route(PATH, page),
        Route(f"{PATH}/list", view.guarded(found)),
        Route(f"{PATH}/message", view.guarded(message)),
        Route(f"{PATH}/mend", view.posted(mend), methods=["POST"]),
        Route(f"{PATH}/plan", view.guarded(plan)),
        Route(f"{PATH}/move", view.posted(move), methods=["POST"]),
    ]


def _query(request: Request) -> dict[str, str]:
    return {name: request.query_params.get(name, "") for name in FILTERS}


def _selection(source: Source, query: dict[str, str]) -> Selection:
    """Return what the filter selects; its user may be an e-mail address."""
    return select(query | {"user": find_user_id(source, query["user"].strip())})


def _plan(context: Context, action: str, query: dict[str, str]) -> dict[str, Any]:
    """Return what the action would do: the dry run, and the phrase that confirms it."""
    if action not in ACTIONS:
        raise WrongUseError(f"no action {action!r}")
    selection = _selection(context.source, query)
    matching = [one for one in context.letters.read(fresh=True).messages if selection.matches(one)]
    if action == "redrive":
        selection = redriven(selection)
    messages = [one for one in matching if selection.matches(one)]
    return {
        "action": action,
        "label": ACTIONS[action],
        "query": query,
        "selection": selection,
        "count": len(messages),
        "left": len(matching) - len(messages),
        "poison": sum(one.reason in POISON for one in messages),
        "groups": group(messages),
        "phrase": f"{action} {len(messages)}",
        "typed": "",
    }


def _editable(message: DlqMessage) -> str:
    """Return the body for editing: indented ASCII JSON or, if it is none, as it is."""
    try:
        return json.dumps(json.loads(message.body), indent=2)
    except (ValueError, RecursionError):
        return message.body


def _show(view: View, message: DlqMessage, body: str, *, step: str, typed: str = "") -> Response:
    corrected = find_refusals(message, body) if step == "check" else None
    return view.show(
        "dead_letter.html",
        message=message,
        meaning=REASONS.get(message.reason, "was dead-lettered for a reason that this version does not know"),
        problems=find_problems(message.body),
        body=body,
        too_long=len(body) > SHOWN_CHARACTERS,
        corrected=corrected,
        times=[] if corrected is None or corrected else list(islice(find_times(body), SHOWN_TIMES)),
        now_microseconds=time.time_ns() // 1000,
        kept_until=message.sent_at + KEPT,
        typed=typed,
    )
