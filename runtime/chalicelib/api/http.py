"""Reads Chalice's request and writes its response: CORS headers on every answer, one shape for every failure."""

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from chalice.app import Response

from chalicelib import config
from chalicelib.api.accept import Reply, Request, accept, retry
from chalicelib.queue import SqsQueue
from chalicelib.telemetry import log, measure


def post_interaction(chalice_request: Any) -> Response:
    """Answer POST /interaction: an unexpected error becomes a 500 that says "retry"."""
    try:
        reply = _accept(chalice_request)
    except Exception:  # noqa: BLE001  the client gets the contract's shape; the log and the metric tell us
        log.exception("unexpected")
        measure(Retried=1)
        reply = retry(HTTPStatus.INTERNAL_SERVER_ERROR)
    headers: dict[str, Any] = reply.headers | {
        "Access-Control-Allow-Origin": config.setting("CORS_ORIGIN"),
        "Access-Control-Expose-Headers": "Retry-After",
    }
    return Response(body=reply.body, headers=headers, status_code=reply.http_status)


def _accept(chalice_request: Any) -> Reply:
    request = Request(
        body=chalice_request.raw_body,
        content_type=chalice_request.headers.get("content-type"),
        claims=chalice_request.context["authorizer"]["claims"],
        client_ids=config.setting("USER_POOL_CLIENT_IDS").split(","),
    )
    return accept(request, queue=SqsQueue(config.setting("QUEUE_URL")), now=datetime.now(UTC))
