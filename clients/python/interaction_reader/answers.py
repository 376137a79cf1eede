"""What the questions answer: one value for each row. Times are UTC, by the clocks of the users' devices."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class History:
    """What the user did with one of the artifacts that were asked for."""

    artifact_id: str
    peels: int
    keeps: int
    good: int
    bad: int
    latest_at: datetime


@dataclass(frozen=True, kw_only=True)
class Kept:
    """An artifact that the user kept in an event with such a query."""

    artifact_id: str
    query: str
    kept_at: datetime


@dataclass(frozen=True, kw_only=True)
class Opinion:
    """The user's latest mark on an artifact: "good" or "bad"."""

    artifact_id: str
    mark: str
    marked_at: datetime


@dataclass(frozen=True, kw_only=True)
class Companion:
    """An artifact that the user peeled in the same events as another one."""

    artifact_id: str
    events: int


@dataclass(frozen=True, kw_only=True)
class Score:
    """How much the user likes an artifact now: what they did, each weighed less the older it is."""

    artifact_id: str
    score: float


@dataclass(frozen=True, kw_only=True)
class Ignored:
    """A result that was shown to the user in several recalls and touched in none of them."""

    artifact_id: str
    recalls: int


@dataclass(frozen=True, kw_only=True)
class Event:
    """A recall or workspace of the user, and how many artifacts they then touched."""

    event_id: str
    query: str | None
    opened_at: datetime
    peeled: int
    kept: int


@dataclass(frozen=True, kw_only=True)
class Similar:
    """An earlier recall whose query has words in common with another query."""

    event_id: str
    query: str
    opened_at: datetime
    words: int
    """How many words they have in common."""
    artifact_ids: list[str]
    """What the user kept or marked good in it."""


@dataclass(frozen=True, kw_only=True)
class Touch:
    """One thing that the user did with an artifact: `kind` is the type of the edge, such as "PEEL"."""

    event_id: str
    query: str | None
    kind: str
    artifact_id: str
    position: int | None
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Totals:
    """How much the user did in all."""

    recalls: int
    workspaces: int
    peels: int
    keeps: int
    good: int
    bad: int
    artifacts: int
