"""One interaction, and the two ids that are derived from its content."""

import hashlib
import json
import uuid
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

# Never change this, nor what `canonical` returns: a repeated request would get another event.
NAMESPACE = uuid.UUID("8bb54c5a-e319-55fc-8bc1-c9ab6bf959b4")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)  # no interaction is older
GRAPH_METADATA_BYTES = 4096  # of its JSON as UTF-8; longer metadata is only in the ledger
GRAPH_QUERY_BYTES = 1024  # of `metadata.query` as UTF-8, a property of events in the graph
MAX_POSITION = 10_000  # of `metadata.position`, a property of edges in the graph; from 1

Uuid = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
# What both Postgres and Neo4j can store.
Text = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=r"^[^\x00]+$")]
Microseconds = Annotated[int, Field(strict=True, ge=0, lt=253_402_300_800_000_000)]  # before the year 10000


class Kind(StrEnum):
    """What the user did. `recall` and `workspace` open an event; the others touch an artifact."""

    RECALL = "recall"
    WORKSPACE = "workspace"
    PEEL = "peel"
    KEEP = "keep"
    MARK_GOOD = "mark_good"
    MARK_BAD = "mark_bad"
    UNKEEP = "unkeep"
    """Takes the user's keep of the artifact back."""
    UNMARK = "unmark"
    """Takes the user's mark of the artifact back."""

    @property
    def opens(self) -> bool:
        """Whether it labels its event (RecallEvent, WorkspaceEvent); the other kinds become an edge to an artifact."""
        return self in (Kind.RECALL, Kind.WORKSPACE)

    @property
    def graph_name(self) -> str:
        """The label that it gives its event (RecallEvent), or the type of its edge to an artifact (MARK_GOOD)."""
        return f"{self.title().replace('_', '')}Event" if self.opens else self.upper()


class Interaction(BaseModel):
    """An interaction as it is queued and then stored in the ledger. Times are microseconds since 1970."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    id: Uuid
    user_id: Text
    event_id: Uuid
    kind: Kind
    artifact_id: Text | None
    metadata: dict[str, Any] | None
    timestamp: Microseconds
    received_at: Microseconds
    signed_in_at: Microseconds | None = None
    """When the user signed in with whose token it was posted; of its erasure only, so the ledger does not keep it."""


_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False).encode


def canonical(
    *, user_id: str, kind: Kind, event_id: str | None, artifact_id: str | None, timestamp: int, metadata: Any
) -> str:
    """Return the content as ASCII JSON; different contents never give the same text.

    Keys are sorted. An absent value is null. {} differs from null and 1 from 1.0. Unicode is not normalised.
    """
    return _encode([user_id, kind, event_id, artifact_id, timestamp, metadata])


def derive_event_id(**content: Any) -> str:
    """Return the event id of an interaction that was sent without one: a version-5 UUID of its content."""
    return str(uuid.uuid5(NAMESPACE, canonical(event_id=None, **content)))


def derive_id(*, timestamp: int, **content: Any) -> str:
    """Return the interaction's own id; the content must include its `event_id`.

    A version-8 UUID (RFC 9562): 48 bits of the timestamp in milliseconds, then the first 74 bits of the content's
    SHA-256. Time comes first so that the ledger's primary key grows at one end.
    """
    digest = hashlib.sha256(canonical(timestamp=timestamp, **content).encode("ascii")).digest()
    random = int.from_bytes(digest[:10]) >> 6
    high, low = random >> 62, random & (1 << 62) - 1
    digits = f"{(timestamp // 1000) << 80 | 0x8 << 76 | high << 64 | 0b10 << 62 | low:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def microseconds(when: datetime) -> int:
    """Return an aware datetime as whole microseconds since 1970; exact, because no float is involved."""
    return (when - EPOCH) // timedelta(microseconds=1)


def to_datetime(value: int) -> datetime:
    """Return the UTC datetime of microseconds since 1970: the inverse of `microseconds`."""
    return EPOCH + timedelta(microseconds=value)
