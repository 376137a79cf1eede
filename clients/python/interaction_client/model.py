"""What the caller gives and gets."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple

Kind = Literal["recall", "workspace", "peel", "keep", "mark_good", "mark_bad", "unkeep", "unmark"]
Payload = dict[str, Any]


class QueueFullError(Exception):
    """The queue has no room for the interaction, or the disk has none."""


@dataclass(frozen=True, kw_only=True)
class Interaction:
    """What a user did. The API requires `artifact_id` for all kinds but recall and workspace."""

    kind: Kind
    artifact_id: str | None = None
    event_id: str | None = None
    """The event that it belongs to; without it the tracker makes a new one."""
    metadata: Any = None
    """An object, or None: it becomes JSON by the rule of `content.clean`."""
    timestamp: datetime | float | str | None = None
    """When it happened. None: now, corrected for a wrong clock. A given one is sent as it is."""


class Rejected(NamedTuple):
    """An interaction that will not be sent again, as it was stored, and why."""

    interaction: Payload
    reason: str


class Status(NamedTuple):
    """How many interactions wait for the API's "ok", how many are rejected and kept, and why they are not sent."""

    waiting: int
    rejected: int
    state: Literal["ready", "waiting", "paused", "other", "closed"]
    """`waiting`: until the next attempt. `paused`: the API refuses the requests. `other`: another process sends."""
    reason: str | None = None


Token = Callable[[bool], str]
"""Returns the user's ID token; its argument is True when the API refused the last one."""

OnRejected = Callable[[Rejected], None]
