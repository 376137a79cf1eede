"""What is done with a request: validate it, derive the ids, queue the interactions, answer."""

from collections.abc import Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any

from chalicelib.api import reply
from chalicelib.api.payload import parse, read_batch, read_interaction
from chalicelib.api.quota import QuotaExceededError, spend
from chalicelib.api.reply import BatchResponse, PostResponse, Reply, TryAgainError, try_again
from chalicelib.api.request import Request, read_body
from chalicelib.api.strict_json import RefusedError
from chalicelib.api.token import Token, read_token
from chalicelib.interaction import Interaction
from chalicelib.queue import MAX_MESSAGE_BYTES, Queue, QueueUnavailableError, encode
from chalicelib.telemetry import log, measure

AGAIN = "could not be queued; send the same request again"
# The metric's dimension `reason`: few values, none taken from the request.
REASONS = {
    HTTPStatus.UNAUTHORIZED: "token",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "media_type",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "too_large",
    HTTPStatus.BAD_REQUEST: "body",
}


def accept(request: Request, *, queue: Queue, now: datetime) -> Reply[PostResponse]:
    """Queue the request's interaction for the token's user; the answer is "ok" only if the queue has it.

    A wrong request is answered "error"; a user above the quota, and a queue that does not take the message, "retry":
    posting again is always safe.
    """
    try:
        token = read_token(request.claims, request.client_ids)
        interaction = _signed_in(parse(read_body(request), user_id=token.user_id, now=now), token)
        _send([interaction], queue, size_bytes=len(request.body), now=now)
    except RefusedError as refusal:
        return refused(refusal)
    except TryAgainError as reason:
        return try_again(reason, reply.retry(str(reason), interaction.event_id))
    return Reply(http_status=HTTPStatus.OK, body=reply.ok(interaction.event_id))


def accept_batch(request: Request, *, queue: Queue, now: datetime) -> Reply[BatchResponse] | Reply[PostResponse]:
    """Queue the request's interactions as one message; a wrong one is answered "error" and holds back no other.

    The HTTP status is 200 if any was queued or all are wrong. A request that is wrong as a whole is answered as
    `accept` does, and nothing of it is queued.
    """
    try:
        token = read_token(request.claims, request.client_ids)
        read = [_read(one, token, now) for one in read_batch(read_body(request))]
        right = [one for one in read if isinstance(one, Interaction)]
        if len(right) < len(read):
            _count_refusals(HTTPStatus.BAD_REQUEST, len(read) - len(right))
        _send(right, queue, size_bytes=len(request.body), now=now)
    except RefusedError as refusal:
        return refused(refusal)
    except TryAgainError as reason:
        results = [reply.retry(str(reason), one.event_id) if isinstance(one, Interaction) else one for one in read]
        return try_again(reason, BatchResponse(status="retry", results=results))
    results = [reply.ok(one.event_id) if isinstance(one, Interaction) else one for one in read]
    all_ok = all(one.status == "ok" for one in results)
    body = BatchResponse(status="ok" if all_ok else "error", results=results)
    return Reply(http_status=HTTPStatus.OK, body=body)


def refused(refusal: RefusedError) -> Reply[PostResponse]:
    """Return the answer to a request that is wrong as a whole, and count it."""
    _count_refusals(refusal.status, 1)
    return Reply(http_status=refusal.status, body=reply.error(str(refusal)))


def _read(data: Any, token: Token, now: datetime) -> Interaction | PostResponse:
    """Return one interaction of a batch or, if it is wrong, the answer to it."""
    try:
        return _signed_in(read_interaction(data, user_id=token.user_id, now=now), token)
    except RefusedError as refusal:
        return reply.error(str(refusal))


def _signed_in(interaction: Interaction, token: Token) -> Interaction:
    return interaction.model_copy(update={"signed_in_at": token.signed_in_at})


def _send(interactions: Sequence[Interaction], queue: Queue, *, size_bytes: int, now: datetime) -> None:
    """Queue one user's interactions as one message, if the user's quota allows them and the size of the request.

    Raises TryAgainError, and RefusedError (413) if the message is too long.
    """
    if not interactions:
        return
    message = encode(*interactions)
    if len(message.encode()) > MAX_MESSAGE_BYTES:
        raise RefusedError("the request is too long when its ids are added", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    ids, user_id = [one.id for one in interactions], interactions[0].user_id
    try:
        spend(user_id, interactions=len(ids), size_bytes=size_bytes, now=now)
        queue.send(message)
    except QuotaExceededError as error:
        log.warning("over quota", user_id=user_id)
        measure(Refused=len(ids), reason="quota")
        text = f"{error}; send the same request again after midnight UTC"
        raise TryAgainError(text, HTTPStatus.TOO_MANY_REQUESTS, error.retry_after_seconds) from None
    except QueueUnavailableError as error:
        log.warning("not queued", interaction_ids=ids, reason=str(error))
        measure(Retried=len(ids))
        raise TryAgainError(AGAIN) from None
    log.info("accepted", interaction_ids=ids)
    measure(Accepted=len(ids))


def _count_refusals(status: HTTPStatus, interactions: int) -> None:
    # One line for all of a request: a hundred wrong ones are a few bytes to send.
    log.info("refused", http_status=status, interactions=interactions)
    measure(Refused=interactions, reason=REASONS[status])
