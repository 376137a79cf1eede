"""What is done with a request: validate it, derive the ids, queue the interaction, answer."""

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Any

from chalicelib.api.payload import parse
from chalicelib.api.quota import QuotaExceededError, spend
from chalicelib.api.strict_json import RefusedError
from chalicelib.api.token import read_token
from chalicelib.interaction import Interaction
from chalicelib.queue import MAX_MESSAGE_BYTES, Queue, QueueUnavailableError, encode
from chalicelib.telemetry import log, measure

MAX_BODY_BYTES = 256 * 1024
RETRY_AFTER = {"Retry-After": "2"}  # seconds
# The metric's dimension `reason`: few values, none taken from the request.
REASONS = {
    HTTPStatus.UNAUTHORIZED: "token",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "media_type",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "too_large",
    HTTPStatus.BAD_REQUEST: "body",
}


@dataclass(frozen=True, kw_only=True)
class Request:
    """What the gateway passes on: the raw body, its media type and the claims of the verified token."""

    body: bytes
    content_type: str | None
    claims: Mapping[str, Any]
    client_ids: Container[str]
    """The clients of the user pool that may post here."""


@dataclass(frozen=True, kw_only=True)
class Reply:
    """An HTTP answer; its body is the `PostResponse` of the API's documentation."""

    http_status: HTTPStatus
    status: str
    message: str | None = None
    event_id: str | None = None
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def body(self) -> dict[str, str | None]:
        """The JSON object to answer."""
        return {"status": self.status, "message": self.message, "event_id": self.event_id}


def accept(request: Request, *, queue: Queue, now: datetime) -> Reply:
    """Queue the request's interaction for the token's user; the answer is "ok" only if the queue has it.

    A wrong request is answered "error"; a user above the quota, and a queue that does not take the message, "retry":
    posting again is always safe.
    """
    try:
        interaction = _read(request, now)
        message = _encode(interaction)
    except RefusedError as refusal:
        log.info("refused", http_status=refusal.status)
        measure(Refused=1, reason=REASONS[refusal.status])
        return Reply(http_status=refusal.status, status="error", message=str(refusal))
    try:
        spend(interaction.user_id, interactions=1, size_bytes=len(request.body), now=now)
        queue.send(message)
    except QuotaExceededError as error:
        log.warning("over quota", user_id=interaction.user_id)
        measure(Refused=1, reason="quota")
        return over_quota(error, interaction.event_id)
    except QueueUnavailableError as error:
        log.warning("not queued", interaction_id=interaction.id, reason=str(error))
        measure(Retried=1)
        return retry(HTTPStatus.SERVICE_UNAVAILABLE, interaction.event_id)
    log.info("accepted", interaction_id=interaction.id)
    measure(Accepted=1)
    return Reply(http_status=HTTPStatus.OK, status="ok", event_id=interaction.event_id)


def retry(http_status: HTTPStatus, event_id: str | None = None) -> Reply:
    """Return the answer "retry": the interaction is not queued, or the outcome is unknown."""
    message = "could not be queued; send the same request again"
    return Reply(http_status=http_status, status="retry", message=message, event_id=event_id, headers=RETRY_AFTER)


def over_quota(error: QuotaExceededError, event_id: str | None = None) -> Reply:
    """Return the answer to a user who may post again tomorrow (UTC)."""
    return Reply(
        http_status=HTTPStatus.TOO_MANY_REQUESTS,
        status="retry",
        message=f"{error}; send the same request again after midnight UTC",
        event_id=event_id,
        headers={"Retry-After": str(error.retry_after_seconds)},
    )


def _read(request: Request, now: datetime) -> Interaction:
    token = read_token(request.claims, request.client_ids)
    media_type = (request.content_type or "application/json").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise RefusedError("Content-Type: must be application/json", HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    if (size := len(request.body)) > MAX_BODY_BYTES:
        message = f"the body has {size} bytes; at most {MAX_BODY_BYTES} are allowed"
        raise RefusedError(message, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    interaction = parse(request.body, user_id=token.user_id, now=now)
    return interaction.model_copy(update={"signed_in_at": token.signed_in_at})


def _encode(interaction: Interaction) -> str:
    message = encode(interaction)
    if len(message) > MAX_MESSAGE_BYTES:
        raise RefusedError("metadata: too long when written as ASCII JSON", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    return message
