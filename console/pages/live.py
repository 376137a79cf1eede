"""Live: what arrives, as it arrives, and what was refused."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chalicelib.interaction import Kind
from console.context import Context
from console.source import find_user_id
from scripts.reports.refusals import Refusal, read_refusals

PATH: Final = "/live"
TITLE: Final = "Live"
SECONDS: Final = 900  # of arrivals that are shown
ROWS: Final = 100
FILTERS: Final = ("kind", "user", "text")


def routes(context: Context) -> list[Route]:
    """Return the page's routes."""
    source, view = context.source, context.view

    def page(request: Request) -> Response:
        query, paused = _query(request), request.query_params.get("paused", "")
        return view.show("live.html", query=query, paused=paused, kinds=list(Kind))

    def now(request: Request) -> Response:
        query = _query(request)
        query["user"] = find_user_id(source, query["user"])
        arrived = source.operate("arrivals", seconds=SECONDS)["interactions"]
        since = datetime.now(UTC) - timedelta(seconds=SECONDS)
        refused = source.ask(lambda target: read_refusals(target, since))
        rows = [one for one in arrived if _passes(one, query)]
        bad = [one for one in refused if _refusal_passes(one, query)]
        return view.show(
            "live_now.html",
            rows=_merge(rows, bad)[:ROWS],
            count=len(rows),
            refused=len(bad),
            filtered=any(query.values()),
            paused_at=datetime.now(UTC) if "paused" in request.query_params else None,
        )

    return [Route(PATH, page), Route(f"{PATH}/now", view.guarded(now))]


def _query(request: Request) -> dict[str, str]:
    return {name: request.query_params.get(name, "").strip() for name in FILTERS}


def _passes(one: dict[str, Any], query: dict[str, str]) -> bool:
    texts = (one["artifact_id"], one["metadata"], one["id"], one["event_id"])
    return (
        query["kind"] in ("", one["kind"])
        and query["user"] in ("", one["user_id"])
        and any(query["text"].lower() in (text or "").lower() for text in texts)
    )


def _refusal_passes(one: Refusal, query: dict[str, str]) -> bool:
    """Tell whether a refusal passes: the logs name neither its user nor, mostly, its kind."""
    named = f"{one.what} {one.code} {one.message_id or ''}"
    return not query["kind"] and not query["user"] and query["text"].lower() in named.lower()


def _merge(arrived: list[dict[str, Any]], refused: list[Refusal]) -> list[dict[str, Any]]:
    """Return both, the latest first."""
    rows = [{"at": datetime.fromisoformat(one["stored_at"]), "good": one} for one in arrived]
    rows += [{"at": one.at, "bad": one} for one in refused]
    return sorted(rows, key=lambda row: row["at"], reverse=True)
