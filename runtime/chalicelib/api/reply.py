"""The answers: an HTTP status, headers, and a body in the shape of the API's documentation."""

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict


class PostResponse(BaseModel):
    """What happened to one interaction, or to a request as a whole."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    status: Literal["ok", "retry", "error"]
    message: str | None = None
    event_id: str | None = None


class BatchResponse(BaseModel):
    """What happened to each interaction of a batch, in the order in which they were sent."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    status: Literal["ok", "retry", "error"]
    results: list[PostResponse]


Body = TypeVar("Body", bound=BaseModel)


@dataclass(frozen=True, kw_only=True)
class Reply(Generic[Body]):
    """An HTTP answer."""

    http_status: HTTPStatus
    body: Body
    headers: dict[str, str] = field(default_factory=dict)


def ok(event_id: str) -> PostResponse:
    """Return the promise that an interaction is queued and will not be lost."""
    return PostResponse(status="ok", event_id=event_id)


def error(message: str) -> PostResponse:
    """Return the answer to what is wrong: the message says what to change."""
    return PostResponse(status="error", message=message)


def retry(message: str, event_id: str | None = None) -> PostResponse:
    """Return the answer "retry": the interaction is not queued, or the outcome is unknown."""
    return PostResponse(status="retry", message=message, event_id=event_id)
