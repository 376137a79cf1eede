"""A dead letter: what it holds, why it lies there, and how it is written to a file."""

import json
import os
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from chalicelib.interaction import microseconds
from scripts.common.target import WrongUseError

GAVE_UP = "gave_up"  # moved by SQS itself, after the last receive: it could be stored another day
POISON = ("not_json", "refused", "data_error")  # the worker's reason codes: it never can, as it is
TELLING = 12  # characters of an id that do not occur somewhere by chance


class DeadLetter(BaseModel):
    """A message that could not be stored."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    message_id: str
    reason: str
    """The worker's reason code, or gave_up."""
    sent_at: datetime
    """When it was first put on the queue or, if poison, buried."""
    attributes: dict[str, dict[str, str]]
    """The message attributes beside the reason; what is binary in base 64, as JSON has no other way."""
    body: str

    @classmethod
    def received(cls, message: Mapping[str, Any]) -> Self:
        """Make one of what SQS gives: with its message attributes and its SentTimestamp."""
        attributes = {name: _as_text(value) for name, value in message.get("MessageAttributes", {}).items()}
        return cls(
            message_id=message["MessageId"],
            reason=attributes.pop("reason", {}).get("StringValue", GAVE_UP),
            sent_at=datetime.fromtimestamp(int(message["Attributes"]["SentTimestamp"]) / 1000, UTC),
            attributes=attributes,
            body=message["Body"],
        )

    @property
    def message_attributes(self) -> dict[str, dict[str, str | bytes]]:
        """The message attributes as SQS takes them."""
        return {name: _as_sent(value) for name, value in self.attributes.items()}

    @property
    def interactions(self) -> list[dict[str, Any]]:
        """What of it can be read as interactions, however wrong they are."""
        try:
            found = json.loads(self.body)["interactions"]
        except (ValueError, RecursionError, LookupError, TypeError):
            return []
        return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []

    def texts(self, name: str) -> list[str]:
        """Return that field of its interactions, each text once."""
        return sorted({one[name] for one in self.interactions if isinstance(one.get(name), str)})

    def owners(self, users: AbstractSet[str]) -> AbstractSet[str]:
        """Return whose of these it is: whom it names or, where nobody can be read, whose id occurs in it.

        A short id, which is none of the user pool's, would occur in anything.
        """
        named = self.texts("user_id")
        return users & set(named) if named else {id_ for id_ in users if len(id_) >= TELLING and id_ in self.body}

    def is_before(self, user_id: str, moment: datetime) -> bool:
        """Whether something that it holds of this user was received, or says it happened, up to that moment.

        Where no time of theirs can be read, it is the message's own that counts.
        """
        mine = [one for one in self.interactions if one.get("user_id") == user_id]
        times = [one[name] for one in mine for name in ("received_at", "timestamp") if type(one.get(name)) is int]
        return min(times) <= microseconds(moment) if times else self.sent_at <= moment


def _as_text(attribute: Mapping[str, Any]) -> dict[str, str]:
    return {part: b64encode(value).decode() if isinstance(value, bytes) else value for part, value in attribute.items()}


def _as_sent(attribute: Mapping[str, str]) -> dict[str, str | bytes]:
    return {part: b64decode(value) if part == "BinaryValue" else value for part, value in attribute.items()}


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which dead letters are meant; what is empty or None does not matter."""

    reasons: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    since: datetime | None = None
    limit: int | None = None

    def of(self, letters: Iterable[DeadLetter]) -> Iterator[DeadLetter]:
        """Yield those that are meant, reading no further than the limit."""
        return islice(filter(self._means, letters), self.limit)

    def _means(self, letter: DeadLetter) -> bool:
        return (
            (not self.reasons or letter.reason in self.reasons)
            and (not self.kinds or not set(self.kinds).isdisjoint(letter.texts("kind")))
            and (self.since is None or letter.sent_at >= self.since)
        )


def append_to_file(path: Path, letters: Iterable[DeadLetter]) -> None:
    """Add a line for each, and return once the disk has them; nobody else may read the file."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "w", encoding="utf-8") as file:
        file.writelines(f"{letter.model_dump_json()}\n" for letter in letters)
        file.flush()
        os.fsync(file.fileno())
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)  # the file's name, too
    finally:
        os.close(folder)


def read_file(path: Path) -> list[DeadLetter]:
    """Read a file that `append_to_file` wrote; raises WrongUseError, naming the line, for any other.

    A last line that was cut off is passed over: a message is removed only after its whole line is on the disk.
    """
    try:
        *lines, _cut_off = path.read_text(encoding="utf-8").split("\n")
    except UnicodeDecodeError:
        raise WrongUseError(f"{path}: not a file that --discard wrote, nor any text") from None
    letters = []
    for number, line in enumerate(lines, start=1):
        try:
            letters.append(DeadLetter.model_validate_json(line))
        except ValidationError:
            raise WrongUseError(f"{path}, line {number}: not a dead letter that --discard wrote") from None
    return letters
