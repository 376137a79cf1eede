"""The queue, and the message that travels on it."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, NamedTuple, Protocol

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from chalicelib import config
from chalicelib.interaction import Interaction, derive_id, microseconds

# Version 1 has no `signed_in_at`; its messages may be in the queue, or come back from a file of dead letters. Code that
# knows version 1 only leaves those of version 2 in the queue for newer code; the stack updates the worker first.
VERSION = 2
READABLE_VERSIONS = (1, 2)
# The API takes a client's time of up to one day ahead; what has a later one was not sent by it.
MAX_AHEAD = timedelta(days=2)
MAX_MESSAGE_BYTES = 1024 * 1024  # SQS's limit, in UTF-8
# What SQS refuses of what stands in JSON text. Control characters are escaped there anyway.
_REFUSED_BY_SQS = re.compile("[\ud800-\udfff\ufffe\uffff]")


class QueueUnavailableError(Exception):
    """The queue did not take the message; sending it again is safe."""


class PoisonError(Exception):
    """A message that can never be stored; the text is its reason code."""


class NewerMessageError(Exception):
    """A message written by newer code. Both run side by side during a deploy, so it is tried again later."""


class Message(BaseModel):
    """What a message holds: POST /interaction sends one interaction, POST /interactions up to 100 of one user."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    version: Annotated[int, Field(strict=True)]
    interactions: list[Any] = Field(min_length=1)


class WholeMessage(Message):
    """A message in which everything can be read, as nearly every message is: one pass over its bytes reads it."""

    version: Annotated[int, Field(strict=True, ge=min(READABLE_VERSIONS), le=max(READABLE_VERSIONS))]
    interactions: list[Interaction] = Field(min_length=1)


class Decoded(NamedTuple):
    """A message's interactions and, each as the body of a message of its own, those that can never be stored."""

    interactions: list[Interaction]
    refused: list[str]


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
    """Write a message. It is about as long as the request: only the few characters that SQS refuses are escaped."""
    # Not mode="json": that raises for half of a surrogate pair, which a message that others queued may have.
    return write({"version": VERSION, "interactions": [one.model_dump() for one in interactions]})


def write(message: Any) -> str:
    """Write a message's JSON, valid or not, as text that SQS takes."""
    text = json.dumps(message, ensure_ascii=False, separators=(",", ":"))
    return _REFUSED_BY_SQS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def decode(body: str) -> Decoded:
    """Read a message; one interaction that can never be stored does not hold back the others.

    Raises PoisonError if no part of the message can ever be stored as it is, and NewerMessageError if newer code wrote
    any of it.
    """
    latest = microseconds(datetime.now(UTC) + MAX_AHEAD)
    try:
        message = WholeMessage.model_validate_json(body)
        return Decoded([_checked(one, latest) for one in message.interactions], [])
    except ValueError:  # of pydantic too
        return _decode_each(body, latest)


def _decode_each(body: str, latest: int) -> Decoded:
    message = _envelope(body)
    decoded = Decoded([], [])
    for one in message.interactions:
        try:
            decoded.interactions.append(_checked(_read(one), latest))
        except (ValueError, RecursionError):
            decoded.refused.append(write({"version": message.version, "interactions": [one]}))
    if len(message.interactions) == len(decoded.refused) == 1:
        raise PoisonError("refused")  # the body stays as it came
    return decoded


def _envelope(body: str) -> Message:
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        raise PoisonError("not_json") from None
    version = data.get("version") if isinstance(data, dict) else None
    if type(version) is int and version not in READABLE_VERSIONS:
        raise NewerMessageError("version")
    try:
        return Message.model_validate(data)
    except ValidationError:
        raise PoisonError("refused") from None


def _read(value: Any) -> Interaction:
    """Return the interaction; raises ValueError, and NewerMessageError for a kind that newer code may know."""
    try:
        return Interaction.model_validate(value)
    except ValidationError as error:
        if all(problem["type"] == "enum" and isinstance(problem["input"], str) for problem in error.errors()):
            raise NewerMessageError("kind") from None
        raise


def _checked(one: Interaction, latest: int) -> Interaction:
    """Return the interaction with the id of its content: a forged message must not take another interaction's id.

    Raises ValueError if one of its times is later than `latest`, or if its metadata holds what is no JSON, as NaN.
    """
    if max(one.timestamp, one.received_at, one.signed_in_at or 0) > latest:
        raise ValueError("a later time than any client may send")
    derived = derive_id(
        user_id=one.user_id,
        kind=one.kind,
        event_id=one.event_id,
        artifact_id=one.artifact_id,
        timestamp=one.timestamp,
        metadata=one.metadata,
    )
    return one if derived == one.id else one.model_copy(update={"id": derived})
