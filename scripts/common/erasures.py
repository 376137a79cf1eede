"""Erasures: the calls of one user's, and lists of them."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from chalicelib.interaction import EARLIEST
from scripts.common.errors import OperationError, WrongUseError
from scripts.common.target import Target

MAX_AHEAD = timedelta(minutes=1)  # of an erasure's time, when it is recorded: clocks differ


class Until(NamedTuple):
    """Up to when a user's data is erased; None: up to now."""

    erased_at: datetime | None
    with_account: bool = False


@dataclass
class Erasure:
    """The erasure of one user, in several calls."""

    target: Target
    user_id: str
    erased_at: datetime | None
    with_account: bool
    counts: Counter[str] = field(default_factory=Counter)
    rows_deleted: bool = False
    failure: str | None = None
    """Why it is not complete."""

    def __post_init__(self) -> None:
        """Prepare the calls; the first one is made by `begin`."""
        erased_at = self.erased_at.isoformat() if self.erased_at else None
        arguments = {"user_id": self.user_id, "erased_at": erased_at, "with_account": self.with_account}
        self._results = self.target.operate_in_calls("erase", **arguments)

    def begin(self) -> None:
        """Do everything except the sweep, unless it fails."""
        self._run(until="sweep")

    def finish(self) -> None:
        """Do the sweep, unless this or what is before it fails."""
        self._run(until=None)

    def _run(self, until: str | None) -> None:
        try:
            for cursor in self._cursors():
                if cursor and cursor["phase"] == until:
                    return
        except OperationError as error:
            self.failure = error.message

    def _cursors(self) -> Iterator[dict[str, Any] | None]:
        for result in self._results:
            self.counts.update(interactions=result["interactions"], nodes=result["nodes"])
            self.erased_at = datetime.fromisoformat(result["erased_at"])
            self.rows_deleted = result["cursor"] is None or result["cursor"]["phase"] != "rows"
            yield result["cursor"]


def list_erasures(target: Target) -> list[dict[str, Any]]:
    """Return all erasures that the ledger has."""
    return [one for page in target.operate_in_calls("erasures") for one in page["erasures"]]


def read_list(path: Path) -> dict[str, Until]:
    """Read the output of --list: each user's latest time. Raises WrongUseError, with the line's number, for others."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except UnicodeDecodeError:
        raise WrongUseError(f"{path}: not text, so not the output of --list") from None
    erasures = []
    for number, line in enumerate(lines, start=1):
        try:
            erasures += [parse(json.loads(line))] if line.strip() else []
        except (ValueError, LookupError, TypeError, OverflowError, RecursionError):
            raise WrongUseError(f"{path}, line {number}: not an erasure printed by --list") from None
        if erasures and erasures[-1][1] > Until(datetime.now(UTC) + MAX_AHEAD):
            raise WrongUseError(f"{path}, line {number}: its time is in the future")
    return latest(erasures)


def parse(erasure: Any) -> tuple[str, Until]:
    """Return the user's id and the time; raises one of Python's own errors if they are missing or invalid."""
    user_id, erased_at = erasure["user_id"], datetime.fromisoformat(erasure["erased_at"])
    if not isinstance(user_id, str) or not user_id or not erased_at.tzinfo or erased_at < EARLIEST:
        raise ValueError
    return user_id, Until(erased_at.astimezone(UTC), erasure.get("with_account") is True)


def latest(erasures: Iterable[tuple[str, Until]]) -> dict[str, Until]:
    """Return the latest erasure of each user."""
    times: dict[str, Until] = {}
    for user_id, until in erasures:
        times[user_id] = max(until, times.get(user_id, until))
    return times
