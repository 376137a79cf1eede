"""A batch from the queue, taken apart: each interaction has its own fate, whatever message it came in."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from chalicelib.interaction import Interaction
from chalicelib.queue import NewerMessageError, PoisonError, decode, encode
from chalicelib.telemetry import log


class SqsMessage(NamedTuple):
    """One message of a batch."""

    message_id: str
    body: str


class Part(NamedTuple):
    """One interaction, and the message that brought it."""

    message: SqsMessage
    interaction: Interaction
    alone: bool
    """Whether the message holds no other."""

    @property
    def body(self) -> str:
        """The body of a message with this interaction only."""
        return self.message.body if self.alone else encode(self.interaction)


class Poison(NamedTuple):
    """What can never be stored, as the body of a message of its own: one interaction, or what nobody can read."""

    message: SqsMessage
    body: str
    reason: str

    @property
    def user_id(self) -> str | None:
        """Whose it says it is; None if that cannot be read."""
        user_id = self._content.get("user_id")
        # What is not printable, as a NUL or half of a surrogate pair, Postgres cannot be asked about.
        return user_id if isinstance(user_id, str) and user_id.isprintable() else None

    @property
    def times(self) -> dict[str, int]:
        """The times that an erasure goes by, as it says they are, in microseconds since 1970.

        Of what cannot be read 0 stands for when it was received and when its user signed in. A time at which it
        happened that cannot be read is left out of account.
        """
        found = {name: value for name, value in self._content.items() if isinstance(value, int)}
        received_at = found.get("received_at", 0)
        return {
            "received_at": received_at,
            "timestamp": found.get("timestamp", received_at),
            "signed_in_at": found.get("signed_in_at", 0),
        }

    @property
    def _content(self) -> Mapping[str, Any]:
        try:
            [one] = json.loads(self.body)["interactions"]
        except (ValueError, TypeError, KeyError, RecursionError):
            return {}
        return one if isinstance(one, dict) else {}


@dataclass
class BatchResult:
    """What was not stored: `poison` goes to the dead-letter queue; SQS redelivers the `failed` messages."""

    poison: list[Poison] = field(default_factory=list)
    failed: list[SqsMessage] = field(default_factory=list)


def take_apart(messages: Sequence[SqsMessage], result: BatchResult) -> Iterator[Part]:
    """Yield the interactions that can be read; add the rest to the result."""
    for message in messages:
        try:
            decoded = decode(message.body)
        except PoisonError as poison:
            result.poison.append(Poison(message, message.body, str(poison)))
        except NewerMessageError as newer:
            log.warning("of newer code", message_id=message.message_id, unknown=str(newer))
            result.failed.append(message)
        else:
            result.poison += [Poison(message, body, "refused") for body in decoded.refused]
            alone = len(decoded.interactions) + len(decoded.refused) == 1
            yield from (Part(message, interaction, alone) for interaction in decoded.interactions)
