"""Reads Chalice's request and writes its response: CORS headers on every answer, one shape for every failure."""

from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from chalice.app import Response

from chalicelib import config
from chalicelib.api import quota, reply
from chalicelib.api.accept import AGAIN, accept, accept_batch
from chalicelib.api.reply import Reply, TryAgainError, try_again
from chalicelib.api.request import Request
from chalicelib.queue import SqsQueue
from chalicelib.telemetry import log, measure


def make_clients() -> None:
    """Make the clients of the services that a request calls: making one takes longer than the call."""
    config.client("sqs")
    quota.make_client()


def post_interaction(chalice_request: Any) -> Response:
    """Answer POST /interaction."""
    return respond(lambda: accept(read_request(chalice_request), queue=_queue(), now=datetime.now(UTC)), again=AGAIN)


def post_interactions(chalice_request: Any) -> Response:
    """Answer POST /interactions."""
    return respond(
        lambda: accept_batch(read_request(chalice_request), queue=_queue(), now=datetime.now(UTC)), again=AGAIN
    )


def respond(answer: Callable[[], Reply[Any]], *, again: str) -> Response:
    """Return the answer as a response: an unexpected error becomes a 500 that says "retry", with the words `again`."""
    try:
        replied = answer()
    except Exception:  # noqa: BLE001  the client gets the contract's shape; the log and the metric tell us
        log.exception("unexpected")
        measure(Retried=1)
        replied = try_again(TryAgainError(again, HTTPStatus.INTERNAL_SERVER_ERROR), reply.retry(again))
    headers: dict[str, Any] = replied.headers | {
        "Access-Control-Allow-Origin": config.setting("CORS_ORIGIN"),
        "Access-Control-Expose-Headers": "Date, Retry-After",  # by `Date` a client measures its clock
        "Cache-Control": "no-store",
    }
    return Response(body=replied.body.model_dump(mode="json"), headers=headers, status_code=replied.http_status)


def read_request(chalice_request: Any) -> Request:
    """Return what our code reads of Chalice's request."""
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
