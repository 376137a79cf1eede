"""Reads Chalice's request and writes its response: CORS headers on every answer, one shape for every failure."""

from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from chalice.app import Response

from chalicelib import config
from chalicelib.api import reply
from chalicelib.api.accept import AGAIN, RETRY_AFTER_SECONDS, NotQueuedError, accept, accept_batch, not_queued
from chalicelib.api.reply import Reply
from chalicelib.api.request import Request
from chalicelib.queue import SqsQueue
from chalicelib.telemetry import log, measure


def post_interaction(chalice_request: Any) -> Response:
    """Answer POST /interaction."""
    return _response(lambda: accept(_request(chalice_request), queue=_queue(), now=datetime.now(UTC)))


def post_interactions(chalice_request: Any) -> Response:
    """Answer POST /interactions."""
    return _response(lambda: accept_batch(_request(chalice_request), queue=_queue(), now=datetime.now(UTC)))


def _response(answer: Callable[[], Reply[Any]]) -> Response:
    """Return the answer as a response: an unexpected error becomes a 500 that says "retry"."""
    try:
        replied = answer()
    except Exception:  # noqa: BLE001  the client gets the contract's shape; the log and the metric tell us
        log.exception("unexpected")
        measure(Retried=1)
        unknown = NotQueuedError(AGAIN, HTTPStatus.INTERNAL_SERVER_ERROR, RETRY_AFTER_SECONDS)
        replied = not_queued(unknown, reply.retry(AGAIN))
    headers: dict[str, Any] = replied.headers | {
        "Access-Control-Allow-Origin": config.setting("CORS_ORIGIN"),
        "Access-Control-Expose-Headers": "Date, Retry-After",  # by `Date` a client measures its clock
    }
    return Response(body=replied.body.model_dump(mode="json"), headers=headers, status_code=replied.http_status)


def _request(chalice_request: Any) -> Request:
    headers = chalice_request.headers
    return Request(
        body=chalice_request.raw_body,
        content_type=headers.get("content-type"),
        content_encoding=headers.get("content-encoding"),
        claims=chalice_request.context["authorizer"]["claims"],
        client_ids=config.setting("USER_POOL_CLIENT_IDS").split(","),
    )


def _queue() -> SqsQueue:
    return SqsQueue(config.setting("QUEUE_URL"))
