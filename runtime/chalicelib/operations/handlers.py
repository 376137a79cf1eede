"""The operators' long work on both stores, in calls that each do a share and say where the next one goes on."""

import time
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from chalicelib.graph.client import Graph, GraphUnavailableError, RowsBusyError
from chalicelib.ledger import pages as history
from chalicelib.ledger.ledger import Ledger
from chalicelib.operations import erasure
from chalicelib.projection import rebuild
from chalicelib.verification.run import Verification

SHARE_SECONDS = 15  # of one call; what it has begun then comes to its end
PATIENCE = 4  # tries
ERASURES_AT_ONCE = 1000

T = TypeVar("T")


def operations(ledger: Ledger, graph: Graph) -> dict[str, Callable[..., Any]]:
    """Return the operations by name, each on these stores; arguments and results are JSON."""
    work = Maintenance(ledger, graph)
    return {
        "rebuild": work.rebuild,
        "rebuild_user": work.rebuild_user,
        "verify": work.verify,
        "holdings": work.holdings,
        "erase": work.erase,
        "erasures": work.erasures,
        "export": work.export,
    }


class Maintenance:
    """The operations, for one call."""

    def __init__(self, ledger: Ledger, graph: Graph) -> None:
        self._ledger, self._graph = ledger, graph
        self._until = time.monotonic() + SHARE_SECONDS

    def rebuild(
        self, *, since: str | None = None, from_scratch: bool = False, cursor: int | None = None
    ) -> dict[str, Any]:
        """Begin a rebuild, or go on with the one that the cursor names or that does as much; return its progress."""
        asked = datetime.fromisoformat(since) if since else None
        self._graph.prepare()
        if cursor is None:
            cursor = rebuild.begin(self._ledger, cause="an operator", since=asked, from_scratch=from_scratch)
        while self._in_time() and _patiently(partial(rebuild.step, self._ledger, self._graph)):
            pass
        progress = rebuild.progress(self._ledger, cursor)
        return {**_plain(progress), "cursor": None if progress["finished_at"] else cursor}

    def rebuild_user(self, *, user_id: str, cursor: list[str] | None = None) -> dict[str, Any]:
        """Project one user's rows again."""
        self._graph.prepare()
        place = _place(cursor)
        while place := _patiently(partial(rebuild.project_user, self._ledger, self._graph, user_id, place)):
            if not self._in_time():
                break
        return {"cursor": _names(place)}

    def verify(self, *, repair: bool = False, cursor: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Compare a share of the graph with the ledger, and mend it if asked to; a `verification.Report`."""
        return Verification(self._ledger, self._graph, repair=repair).run(cursor, self._in_time)

    def holdings(self, *, user_id: str) -> dict[str, Any]:
        """Say how much is held on the user."""
        return _plain(erasure.holdings(self._ledger, self._graph, user_id))

    def erase(
        self, *, user_id: str, erased_at: str | None = None, cursor: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Erase what is held on the user up to that moment, or to now: a share of it."""
        work = erasure.Erasure(self._ledger, self._graph, user_id)
        if cursor is None:
            moment = work.note(datetime.fromisoformat(erased_at) if erased_at else None)
            cursor = {"phase": "rows", "erased_at": moment.isoformat()}
        place = _patiently(partial(work.run, cursor, self._in_time))
        return {"erased_at": cursor["erased_at"], "cursor": place, **work.counts}

    def erasures(self, *, cursor: str | None = None) -> dict[str, Any]:
        """List the erasures."""
        found = erasure.erasures(self._ledger, cursor or "", ERASURES_AT_ONCE)
        last = found[-1]["user_id"] if len(found) == ERASURES_AT_ONCE else None
        return {"erasures": [_plain(one) for one in found], "cursor": last}

    def export(self, *, user_id: str, cursor: list[str] | None = None) -> dict[str, Any]:
        """Return a page of the user's interactions, as the ledger holds them."""
        rows = history.exported(self._ledger.connection, user_id, _place(cursor))
        last = _names((rows[-1]["event_id"], rows[-1]["id"])) if rows else None
        return {"interactions": [_plain(row) for row in rows], "cursor": last}

    def _in_time(self) -> bool:
        return time.monotonic() < self._until


def _patiently(work: Callable[[], T]) -> T:
    """Do it again when the graph is busy: a wipe or an erasure and a drain can deadlock, and one of them gives way."""
    for failures in range(1, PATIENCE):
        try:
            return work()
        except (GraphUnavailableError, RowsBusyError):
            time.sleep(failures)
    return work()


def _place(cursor: list[str] | None) -> history.Place | None:
    return (UUID(cursor[0]), UUID(cursor[1])) if cursor else None


def _names(place: tuple[Any, Any] | None) -> list[str] | None:
    return [str(place[0]), str(place[1])] if place else None


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return them as JSON has it: moments in ISO 8601, ids as text."""
    return {
        name: value.isoformat() if isinstance(value, datetime) else str(value) if isinstance(value, UUID) else value
        for name, value in values.items()
    }
