"""What a person did, and the two ids that are derived from its content."""

import hashlib
import json
import uuid
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

# Frozen for ever, as the form of `canonical` is: another one would give a repeated request another event.
NAMESPACE = uuid.UUID("8bb54c5a-e319-55fc-8bc1-c9ab6bf959b4")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Uuid = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
# As Postgres and Neo4j both keep them.
Text = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=r"^[^\x00]+$")]
Microseconds = Annotated[int, Field(strict=True, ge=0, lt=253_402_300_800_000_000)]  # before the year 10000


class Kind(StrEnum):
    """What was done. `recall` and `workspace` open an event; the others touch an artifact."""

    RECALL = "recall"
    WORKSPACE = "workspace"
    PEEL = "peel"
    KEEP = "keep"
    MARK_GOOD = "mark_good"
    MARK_BAD = "mark_bad"

    @property
    def opens(self) -> bool:
        """Whether it names its event, as a RecallEvent or WorkspaceEvent, rather than draw an edge to an artifact."""
        return self in (Kind.RECALL, Kind.WORKSPACE)


class Interaction(BaseModel):
    """One complete interaction: it travels on the queue and becomes a ledger row. Times are microseconds since 1970."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    id: Uuid
    user_id: Text
    event_id: Uuid
    kind: Kind
    artifact_id: Text | None
    metadata: dict[str, Any] | None
    timestamp: Microseconds
    received_at: Microseconds


def canonical(
    *, user_id: str, kind: Kind, event_id: str | None, artifact_id: str | None, timestamp: int, metadata: Any
) -> str:
    """Return the content as one ASCII JSON text that no different content shares.

    Keys are sorted, absent is null and differs from {}, 1 differs from 1.0, and Unicode is not normalised.
    """
    content = [user_id, kind, event_id, artifact_id, timestamp, metadata]
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)


def derive_event_id(**content: Any) -> str:
    """Return the event's id for an interaction that came without one: a version-5 UUID of its content."""
    return str(uuid.uuid5(NAMESPACE, canonical(event_id=None, **content)))


def derive_id(*, timestamp: int, **content: Any) -> str:
    """Return the interaction's own id, for content whose `event_id` is filled in.

    A version-8 UUID (RFC 9562): 48 bits of the timestamp in milliseconds, so that the ledger's primary key grows at
    one end, and then the first 74 bits of the content's SHA-256.
    """
    digest = hashlib.sha256(canonical(timestamp=timestamp, **content).encode("ascii")).digest()
    random = int.from_bytes(digest[:10]) >> 6
    high, low = random >> 62, random & (1 << 62) - 1
    return str(uuid.UUID(int=(timestamp // 1000) << 80 | 0x8 << 76 | high << 64 | 0b10 << 62 | low))


def microseconds(moment: datetime) -> int:
    """Return whole microseconds since 1970 of an aware datetime, without a float between."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def moment(value: int) -> datetime:
    """Return the UTC datetime of microseconds since 1970: the inverse of `microseconds`."""
    return EPOCH + timedelta(microseconds=value)
