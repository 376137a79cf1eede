"""The answers: an HTTP status, headers, and a body in the shape of the API's documentation."""

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Annotated, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

RETRY_AFTER_SECONDS = 2
# Of a model that is answered: every field is always there, and later releases may add some.
ANSWER = ConfigDict(frozen=True, json_schema_serialization_defaults_required=True)


class PostResponse(BaseModel):
    """What happened to one interaction, or to a request as a whole."""

    model_config = ANSWER

    status: Literal["ok", "retry", "error"] = Field(
        description="ok: queued, and will not be lost. retry: send the same again. error: it is wrong, correct it"
    )
    message: str | None = Field(default=None, description="What to change, or why to send it again")
    event_id: Annotated[str | None, WithJsonSchema({"type": ["string", "null"], "format": "uuid"})] = Field(
        default=None, description="The event that it belongs to"
    )


class BatchResponse(BaseModel):
    """What happened to each interaction of a batch, in the order in which they were sent."""

    model_config = ANSWER

    status: Literal["ok", "retry", "error"] = Field(
        description="ok: each result is ok. error: some interactions are wrong. retry: none could be queued"
    )
    results: list[PostResponse]


Body = TypeVar("Body", bound=BaseModel)


@dataclass(frozen=True, kw_only=True)
class Reply(Generic[Body]):
    """An HTTP answer."""

    http_status: HTTPStatus
    body: Body
    headers: dict[str, str] = field(default_factory=dict)


class TryAgainError(Exception):
    """Nothing was done, or the outcome is unknown: the client sends the same request again after some seconds."""

    def __init__(
        self,
        message: str,
        http_status: HTTPStatus = HTTPStatus.SERVICE_UNAVAILABLE,
        retry_after_seconds: int = RETRY_AFTER_SECONDS,
    ) -> None:
        super().__init__(message)
        self.http_status, self.retry_after_seconds = http_status, retry_after_seconds


def try_again(reason: TryAgainError, body: Body) -> Reply[Body]:
    """Return the reply with this body, and with the time after which to send the request again."""
    headers = {"Retry-After": str(reason.retry_after_seconds)}
    return Reply(http_status=reason.http_status, body=body, headers=headers)


def ok(event_id: str) -> PostResponse:
    """Return the promise that an interaction is queued and will not be lost."""
    return PostResponse(status="ok", event_id=event_id)


def error(message: str) -> PostResponse:
    """Return the answer to what is wrong: the message says what to change."""
    return PostResponse(status="error", message=message)


def retry(message: str, event_id: str | None = None) -> PostResponse:
    """Return the answer "retry": the interaction is not queued, or the outcome is unknown."""
    return PostResponse(status="retry", message=message, event_id=event_id)
