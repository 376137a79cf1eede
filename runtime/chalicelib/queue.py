"""What travels on the queue, and the queue itself."""

import json
from typing import Annotated, Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from chalicelib import config
from chalicelib.interaction import Interaction

VERSION = 1
MAX_MESSAGE = 1024 * 1024  # bytes that SQS takes


class QueueUnavailableError(Exception):
    """The queue did not take the message; the client may send it again."""


class PoisonError(Exception):
    """A message that can never be stored; the text is its reason code."""


class UnknownYetError(Exception):
    """A message of newer code: during a deploy old and new run side by side, so it is for later."""


class Message(BaseModel):
    """A list of interactions: one from POST /interaction; a batch route can send more."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    version: Annotated[int, Field(strict=True)]
    interactions: list[Interaction] = Field(min_length=1)


class Queue(Protocol):
    """Where accepted interactions wait."""

    def send(self, body: str) -> None:
        """Keep the body until a worker has dealt with it, or raise QueueUnavailableError."""


class SqsQueue:
    """A queue at its URL."""

    def __init__(self, url: str) -> None:
        """Name the queue; nothing is called before `send`."""
        self.url = url

    def send(self, body: str, *, reason: str | None = None) -> None:
        """Send the body, with its reason code when it is a dead letter; raises QueueUnavailableError."""
        attributes: dict[str, Any] = {"reason": {"DataType": "String", "StringValue": reason}} if reason else {}
        try:
            config.client("sqs").send_message(QueueUrl=self.url, MessageBody=body, MessageAttributes=attributes)
        except (BotoCoreError, ClientError) as error:
            raise QueueUnavailableError(str(error)) from error


def encode(*interactions: Interaction) -> str:
    """Write a message: ASCII, since SQS refuses some characters, and so up to six times as long as the request."""
    message = Message(version=VERSION, interactions=list(interactions))
    return json.dumps(message.model_dump(mode="json"), separators=(",", ":"))


def decode(body: str) -> list[Interaction]:
    """Read a message. Raises PoisonError for one that can never be stored, UnknownYetError for one of newer code."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        raise PoisonError("not_json") from None
    version = data.get("version") if isinstance(data, dict) else None
    if type(version) is int and version != VERSION:
        raise UnknownYetError("version")
    try:
        return Message.model_validate(data).interactions
    except ValidationError as error:
        if all(problem["type"] == "enum" and isinstance(problem["input"], str) for problem in error.errors()):
            raise UnknownYetError("kind") from None
        raise PoisonError("refused") from None
