"""The queue, and the message that travels on it."""

import json
from typing import Annotated, Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from chalicelib import config
from chalicelib.interaction import Interaction, derive_id

# Version 1 has no `signed_in_at`; its messages may be in the queue, or come back from a file of dead letters. Code that
# knows version 1 only leaves those of version 2 in the queue for newer code; the stack updates the worker first.
VERSION = 2
READABLE_VERSIONS = (1, 2)
MAX_MESSAGE_BYTES = 1024 * 1024  # SQS's limit


class QueueUnavailableError(Exception):
    """The queue did not take the message; sending it again is safe."""


class PoisonError(Exception):
    """A message that can never be stored; the text is its reason code."""


class NewerMessageError(Exception):
    """A message written by newer code. Both run side by side during a deploy, so it is tried again later."""


class Message(BaseModel):
    """A list of interactions: POST /interaction sends one; a batch route can send more."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    version: Annotated[int, Field(strict=True)]
    interactions: list[Interaction] = Field(min_length=1)


class Queue(Protocol):
    """Where accepted interactions wait for the worker."""

    def send(self, body: str) -> None:
        """Queue the body; raises QueueUnavailableError."""


class SqsQueue:
    """An SQS queue."""

    def __init__(self, url: str) -> None:
        """Take the queue's URL; nothing is called before `send`."""
        self.url = url

    def send(self, body: str, *, reason: str | None = None) -> None:
        """Send the body, and the reason code of a dead-lettered one; raises QueueUnavailableError."""
        attributes: dict[str, Any] = {"reason": {"DataType": "String", "StringValue": reason}} if reason else {}
        try:
            config.client("sqs").send_message(QueueUrl=self.url, MessageBody=body, MessageAttributes=attributes)
        except (BotoCoreError, ClientError) as error:
            raise QueueUnavailableError(str(error)) from error


def encode(*interactions: Interaction) -> str:
    """Write a message in ASCII, because SQS refuses some characters: up to six times as long as the request."""
    message = Message(version=VERSION, interactions=list(interactions))
    return json.dumps(message.model_dump(mode="json"), separators=(",", ":"))


def decode(body: str) -> list[Interaction]:
    """Read a message. Raises PoisonError if it can never be stored, NewerMessageError if newer code wrote it."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        raise PoisonError("not_json") from None
    version = data.get("version") if isinstance(data, dict) else None
    if type(version) is int and version not in READABLE_VERSIONS:
        raise NewerMessageError("version")
    try:
        return [_with_derived_id(one) for one in Message.model_validate(data).interactions]
    except ValidationError as error:
        if all(problem["type"] == "enum" and isinstance(problem["input"], str) for problem in error.errors()):
            raise NewerMessageError("kind") from None
        raise PoisonError("refused") from None


def _with_derived_id(interaction: Interaction) -> Interaction:
    """Return the interaction with the id of its content: a forged message must not take another interaction's id."""
    content = interaction.model_dump(exclude={"id", "received_at", "signed_in_at"})
    return interaction.model_copy(update={"id": derive_id(**content)})
