"""A dead-lettered message: its interactions, and the reason it was given up."""

import json
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from chalicelib.interaction import EPOCH, microseconds

if TYPE_CHECKING:
    from chalicelib.ledger.erasures import Erased

GAVE_UP = "gave_up"  # moved by SQS after the last receive: it may be stored another time
POISON = ("not_json", "refused", "data_error")  # the worker's reason codes: it can never be stored as it is
MIN_SEARCHED_ID_CHARACTERS = 12  # a shorter id occurs in texts by chance


class DlqMessage(BaseModel):
    """A message that could not be stored."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    message_id: str
    reason: str
    """The worker's reason code, or gave_up."""
    sent_at: Annotated[AwareDatetime, Field(ge=EPOCH, lt=datetime(9999, 1, 1, tzinfo=UTC))]
    """When it was first sent to the queue or, if poison, to the dead-letter queue."""
    attributes: dict[str, dict[str, str]]
    """The message attributes other than the reason; binary values in base 64, for JSON."""
    body: str
    receive_count: int | None = None
    """How often it was received from either queue, by whomever; None in files of before."""

    @classmethod
    def from_sqs(cls, message: Mapping[str, Any]) -> Self:
        """Convert a received message; it needs its message attributes and its SentTimestamp."""
        attributes = {name: _to_text(value) for name, value in message.get("MessageAttributes", {}).items()}
        return cls(
            message_id=message["MessageId"],
            reason=attributes.pop("reason", {}).get("StringValue", GAVE_UP),
            sent_at=datetime.fromtimestamp(int(message["Attributes"]["SentTimestamp"]) / 1000, UTC),
            attributes=attributes,
            body=message["Body"],
            receive_count=int(message["Attributes"].get("ApproximateReceiveCount", 0)) or None,
        )

    @property
    def message_attributes(self) -> dict[str, dict[str, str | bytes]]:
        """The message attributes in SQS's form, without the reason."""
        return {name: _from_text(value) for name, value in self.attributes.items()}

    @property
    def dead_letter_attributes(self) -> dict[str, dict[str, str | bytes]]:
        """The message attributes in SQS's form, as they are in the dead-letter queue."""
        reason: dict[str, str | bytes] = {"DataType": "String", "StringValue": self.reason}
        return self.message_attributes | ({} if self.reason == GAVE_UP else {"reason": reason})

    @property
    def parts(self) -> list[Any]:
        """What it holds a list of, valid or not; or, if none can be read, one part: the body itself."""
        try:
            found = json.loads(self.body)["interactions"]
        except (ValueError, RecursionError, LookupError, TypeError):
            found = []
        return found if isinstance(found, list) and found else [self.body]

    @property
    def kinds(self) -> list[str]:
        """The kind of each part, "unreadable" if it has none."""
        return [kind_of(part) for part in self.parts]

    @property
    def interactions(self) -> list[dict[str, Any]]:
        """The interactions that can be read in the body, valid or not."""
        return [one for one in self.parts if isinstance(one, dict)]

    def texts(self, field: str) -> list[str]:
        """Return the distinct texts in this field of its interactions."""
        return sorted({one[field] for one in self.interactions if isinstance(one.get(field), str)})

    def owners(self, user_ids: AbstractSet[str]) -> AbstractSet[str]:
        """Return the users to whom a part of it belongs."""
        return set().union(*(_owners(part, user_ids) for part in self.parts))

    def count_of(self, user_id: str) -> int:
        """Return how many of its parts belong to this user."""
        return sum(1 for part in self.parts if _owners(part, {user_id}))

    def erase(self, until: "Mapping[str, Erased]") -> tuple[Counter[str], str | None]:
        """Return how many parts of each user that user's erasure covers; and a body without them.

        If a part says neither when it was received nor when it happened, the message's own time decides. The body is
        None if no part is left.
        """
        erased: Counter[str] = Counter()
        rest = []
        for part in self.parts:
            owners = {one for one in _owners(part, until.keys()) if self._is_erased(part, until[one])}
            erased.update(owners)
            rest += [] if owners else [part]
        return erased, self._with(rest) if erased and rest else None

    def _is_erased(self, part: Any, erased: "Erased") -> bool:
        said = part if isinstance(part, dict) else {}
        times = {name: value for name, value in said.items() if type(value) is int}
        received_at = times.get("received_at", times.get("timestamp", microseconds(self.sent_at)))
        return erased.covers(
            received_at=received_at,
            timestamp=times.get("timestamp", received_at),
            signed_in_at=times.get("signed_in_at", 0),  # unknown counts as before the erasure: STORE's rule
        )

    def _with(self, parts: list[Any]) -> str:
        from chalicelib.queue import write

        return write({**json.loads(self.body), "interactions": parts})


def kind_of(part: Any) -> str:
    """Return the kind that a part of a message names, or "unreadable"."""
    kind = part.get("kind") if isinstance(part, dict) else None
    return kind if isinstance(kind, str) else "unreadable"


def _owners(part: Any, user_ids: AbstractSet[str]) -> AbstractSet[str]:
    """Return the user that a part names or, if it names none, those whose id occurs in it."""
    named = part.get("user_id") if isinstance(part, dict) else None
    if isinstance(named, str):
        return user_ids & {named}
    text = part if isinstance(part, str) else json.dumps(part, ensure_ascii=False)
    return {id_ for id_ in user_ids if len(id_) >= MIN_SEARCHED_ID_CHARACTERS and id_ in text}


def _to_text(attribute: Mapping[str, Any]) -> dict[str, str]:
    return {part: b64encode(value).decode() if isinstance(value, bytes) else value for part, value in attribute.items()}


def _from_text(attribute: Mapping[str, str]) -> dict[str, str | bytes]:
    return {part: b64decode(value) if part == "BinaryValue" else value for part, value in attribute.items()}


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Filters for dead-lettered messages; an empty one or None lets all through."""

    reasons: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    since: datetime | None = None
    user_id: str = ""
    text: str = ""
    """A part of the body, in any case."""
    message_id: str = ""

    def matches(self, message: DlqMessage) -> bool:
        """Tell whether the message passes all filters."""
        return (
            (not self.reasons or message.reason in self.reasons)
            and (not self.kinds or not set(self.kinds).isdisjoint(message.texts("kind")))
            and (self.since is None or message.sent_at >= self.since)
            and (not self.user_id or bool(message.owners({self.user_id})))
            and self.text.lower() in message.body.lower()
            and self.message_id in ("", message.message_id)
        )
