"""The operators' long work on both stores: each call does a share and returns the cursor for the next one."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from chalicelib.graph.client import Graph
from chalicelib.ledger import erasures, judgments, pages, rebuilds, users
from chalicelib.ledger.ledger import Ledger
from chalicelib.operations import erasure, json_values
from chalicelib.operations.busy import retry
from chalicelib.projection import rebuild
from chalicelib.verification import run

MAX_AHEAD = timedelta(minutes=1)  # of a clock, for the time of an erasure: until then nothing of the user is stored
PAGE_ERASURES = 1000
PAGE_USERS = 5000


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How much one call, page or transaction does."""

    share_seconds: float = 15  # of one call; what it has begun by then is completed
    settle_seconds: float = erasure.SETTLE_SECONDS
    erasure_batch: int = erasure.BATCH
    export_bytes: int = pages.EXPORT_BYTES
    page_rows: int = run.PAGE_ROWS
    page_orphans: int = run.PAGE_ORPHANS


def operations(ledger: Ledger, graph: Graph) -> dict[str, Callable[..., Any]]:
    """Return the operations by name, each on these stores; arguments and results are JSON."""
    handlers = Handlers(ledger, graph)
    return {
        "rebuild": handlers.rebuild,
        "rebuild_user": handlers.rebuild_user,
        "verify": handlers.verify,
        "holdings": handlers.count_user_data,
        "erase": handlers.erase,
        "erasures": handlers.erasures,
        "export": handlers.export,
        "export_day": handlers.export_day,
        "users": handlers.users,
        "exclude": handlers.exclude,
        "judgments": handlers.judgments,
        "excluded": handlers.excluded,
    }


class Handlers:
    """The operations, for one call."""

    def __init__(self, ledger: Ledger, graph: Graph, limits: Limits = Limits()) -> None:
        self._ledger, self._graph, self._limits = ledger, graph, limits
        self._until = time.monotonic() + limits.share_seconds

    def rebuild(
        self, *, since: str | None = None, from_scratch: bool = False, cursor: int | None = None
    ) -> dict[str, Any]:
        """Begin a rebuild, or continue the one that the cursor names or that does as much; return its progress."""
        asked = json_values.parse_time(since, max_ahead=timedelta(days=1)) if since else None
        self._graph.prepare()
        if cursor is None:
            cursor = rebuild.begin(self._ledger, cause="an operator", since=asked, from_scratch=from_scratch)
        while self._in_time() and retry(partial(rebuild.step, self._ledger, self._graph)):
            pass
        progress = rebuilds.progress(self._ledger.connection, cursor)
        return {**json_values.as_json(progress), "cursor": None if progress["finished_at"] else cursor}

    def rebuild_user(self, *, user_id: str, cursor: list[str] | None = None) -> dict[str, Any]:
        """Project one user's rows again."""
        self._graph.prepare()
        reached: pages.Cursor | None = json_values.page_cursor(cursor)
        while reached:
            reached = retry(partial(rebuild.project_user, self._ledger, self._graph, user_id, reached))
            if not self._in_time():
                break
        return {"cursor": reached and [str(reached[0]), str(reached[1])]}

    def verify(self, *, repair: bool = False, cursor: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Compare a share of the graph with the ledger, and repair it if asked to; return a `verification.Report`."""
        sizes = {"rows": self._limits.page_rows, "orphans": self._limits.page_orphans}
        return run.Verification(self._ledger, self._graph, repair=repair, **sizes).run(cursor, self._in_time)

    def count_user_data(self, *, user_id: str) -> dict[str, Any]:
        """Return how much data of the user there is."""
        return json_values.as_json(erasure.count_user_data(self._ledger, self._graph, user_id))

    def erase(
        self,
        *,
        user_id: str,
        erased_at: str | None = None,
        with_account: bool = False,
        cursor: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Do a share of the erasure of the user's data up to that time, or up to now; tokens too, `with_account`."""
        sizes: dict[str, Any] = {"settle_seconds": self._limits.settle_seconds, "batch": self._limits.erasure_batch}
        work = erasure.Erasure(self._ledger, self._graph, user_id, **sizes)
        if cursor is None:
            until = json_values.parse_time(erased_at, max_ahead=MAX_AHEAD) if erased_at else None
            moment = work.record(until, with_account=with_account)
            cursor = {"phase": "rows", "erased_at": moment.isoformat()}
        reached = retry(partial(work.run, cursor, self._in_time))
        return {"erased_at": cursor["erased_at"], "cursor": reached, **work.counts}

    def erasures(self, *, cursor: str | None = None) -> dict[str, Any]:
        """Return a page of the erasures."""
        found = erasures.list_after(self._ledger.connection, cursor or "", PAGE_ERASURES)
        last = found[-1]["user_id"] if len(found) == PAGE_ERASURES else None
        return {"erasures": [json_values.as_json(one) for one in found], "cursor": last}

    def export(self, *, user_id: str, cursor: list[str] | None = None) -> dict[str, Any]:
        """Return a page of the user's interactions, as the ledger holds them."""
        after = json_values.page_cursor(cursor)
        rows = pages.exported(self._ledger.connection, user_id, after, self._limits.export_bytes)
        last = [str(rows[-1]["event_id"]), str(rows[-1]["id"])] if rows else None
        return {"interactions": [json_values.as_json(row) for row in rows], "cursor": last}

    def export_day(self, *, day: str, cursor: str | None = None) -> dict[str, Any]:
        """Return a page of a day's interactions, as the ledger holds them."""
        after = UUID(cursor) if cursor else None
        rows = pages.of_day(self._ledger.connection, date.fromisoformat(day), after, self._limits.export_bytes)
        return {
            "interactions": [json_values.as_json(row) for row in rows],
            "cursor": str(rows[-1]["id"]) if rows else None,
        }

    def users(self, *, cursor: str | None = None) -> dict[str, Any]:
        """Return a page of the ids of users who have interactions."""
        return _page(users.list_after(self._ledger.connection, cursor or "", PAGE_USERS))

    def exclude(self, *, user_id: str, excluded: bool) -> None:
        """Leave the user out of what the views count, or count the user again."""
        (users.exclude if excluded else users.include)(self._ledger.connection, user_id)

    def excluded(self, *, cursor: str | None = None) -> dict[str, Any]:
        """Return a page of the ids of users whom the views do not count."""
        return _page(users.list_excluded(self._ledger.connection, cursor or "", PAGE_USERS))

    def judgments(self, *, basis: str, since: str, until: str, cursor: list[str] | None = None) -> dict[str, Any]:
        """Return a page of [query, artifact, grade] from the recalls of these days, by "marks" or by "clicks"."""
        first, last = date.fromisoformat(since), date.fromisoformat(until)
        after = (cursor[0], cursor[1]) if cursor else ("", "")
        rows = judgments.list_after(self._ledger.connection, basis, since=first, until=last, cursor=after)
        return {"judgments": rows, "cursor": rows[-1][:2] if len(rows) == judgments.PAGE_ROWS else None}

    def _in_time(self) -> bool:
        return time.monotonic() < self._until


def _page(found: list[str]) -> dict[str, Any]:
    return {"users": found, "cursor": found[-1] if len(found) == PAGE_USERS else None}
