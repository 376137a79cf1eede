"""Compares the whole graph with the ledger, a page of users at a time: first without locks, then exactly.

Each user is summed on both sides as their rows are read. Only users whose sums differ are compared exactly.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import groupby
from typing import Any

from chalicelib.graph import deletions, elements
from chalicelib.graph import watermark as graph_watermark
from chalicelib.graph.client import Graph, GraphUnavailableError, RowsRefusedError
from chalicelib.ledger import rebuilds, users
from chalicelib.ledger.ledger import Ledger
from chalicelib.verification import MODULUS, actual, diff, expected
from chalicelib.verification.diff import Differences
from chalicelib.verification.user import UndecidedError, compare, read_rows, repair

READ_SECONDS = 300  # without locks; a user with 250,000 edges took less than 60
PAGE_USERS, PAGE_ROWS = 100, 5_000
PAGE_ORPHANS = 5_000
MAX_EXAMPLES = 20

# The parts of a verification, in order: users who are only in the graph, elements that belong to no user, users of the
# ledger. These come last: elements that were taken for another user's are deleted by then, and can be written again.
_ORPHANS, _LEDGER_USERS = elements.USER_LISTS, elements.USER_LISTS + 1


@dataclass
class Report:
    """What one call found; the caller adds up."""

    cursor: dict[str, Any] | None = None
    """Where the next call continues; None at the end."""
    users: int = 0
    ledger: str = ""
    """Digest of the expected graph, as 32 hexadecimal digits: add up those of all calls, modulo 2 to the 128th."""
    graph: str = ""
    """The same of the actual graph."""
    missing: int = 0
    extra: int = 0
    different: int = 0
    repaired: int = 0
    """How many of these were repaired."""
    examples: list[dict[str, Any]] = field(default_factory=list)
    undecided: list[dict[str, str]] = field(default_factory=list)
    """Users that could not be verified, with the reason."""


class Verification:
    """One call's share of the verification."""

    def __init__(
        self, ledger: Ledger, graph: Graph, *, repair: bool, rows: int = PAGE_ROWS, orphans: int = PAGE_ORPHANS
    ) -> None:
        self._ledger, self._graph, self._repair = ledger, graph, repair
        self._page_rows, self._page_orphans = rows, orphans
        self._report = Report()
        self._sums = [0, 0]

    def run(self, cursor: Mapping[str, Any] | None, in_time: Callable[[], bool]) -> dict[str, Any]:
        """Continue from the cursor until time is up, for at least one page.

        Raises UndecidedError for a graph of newer code, and while a rebuild from scratch leaves it incomplete.
        """
        wiped = rebuilds.latest_wipe(self._ledger.connection)
        if (under_way := rebuilds.under_way(self._ledger.connection)) and under_way["from_scratch"]:
            raise UndecidedError("a rebuild from scratch is under way")
        if graph_watermark.is_from_newer_code(self._graph):
            raise UndecidedError("the graph was made by newer code, and takes nothing from this")
        position: Mapping[str, Any] | None = cursor or {"part": 0, "after": ""}
        while position:
            position = self._page(position["part"], position["after"])
            if not in_time():
                break
        if rebuilds.latest_wipe(self._ledger.connection) != wiped:
            raise UndecidedError("a rebuild from scratch began meanwhile")
        self._report.cursor = dict(position) if position else None
        self._report.ledger, self._report.graph = (f"{total % MODULUS:032x}" for total in self._sums)
        return asdict(self._report)

    def _page(self, part: int, after: str) -> dict[str, Any] | None:
        if part == _ORPHANS:
            cursor = self._verify_orphans(after)
        else:
            page, cursor = self._ledger_users(after) if part == _LEDGER_USERS else self._graph_users(part, after)
            for user_id in self._compare_sums(page) if part == _LEDGER_USERS else page:
                self._verify_user(user_id)
            self._report.users += len(page)
        if cursor is not None:
            return {"part": part, "after": cursor}
        return None if part == _LEDGER_USERS else {"part": part + 1, "after": ""}

    def _ledger_users(self, after: str) -> tuple[list[str], str | None]:
        """Return the next users of the ledger whose rows fit a page, or one user with more; and the cursor."""
        page: list[str] = []
        rows = 0
        for user_id, count in users.rows_by_user(self._ledger.connection, after, PAGE_USERS):
            rows += count
            if page and rows > self._page_rows:
                break
            page.append(user_id)
        return page, page[-1] if page else None

    def _graph_users(self, which: int, after: str) -> tuple[list[str], str | None]:
        with self._graph.transaction(READ_SECONDS) as transaction:
            page, cursor = elements.users_after(transaction, which, after, PAGE_USERS)
        return users.without_rows(self._ledger.connection, page), cursor

    def _compare_sums(self, page: Sequence[str]) -> list[str]:
        """Count the users whose sums are the same on both sides, and return the others."""
        wanted: dict[str, int] = {}
        found: dict[str, int] = defaultdict(int)
        try:
            for user_id, rows in groupby(read_rows(self._ledger.connection, page), key=lambda row: row.user_id):
                wanted[user_id] = sum(actual.of(element).digest for element in expected.graph_of(rows))
            with self._graph.transaction(READ_SECONDS) as transaction:
                for user_id, element in actual.of_users(transaction, page):
                    found[user_id] += element.digest
        except (UndecidedError, RowsRefusedError) as error:
            self._report.undecided += [{"user": user_id, "reason": str(error)} for user_id in page]
            return []
        same = {user_id for user_id in page if wanted.get(user_id) == found.get(user_id)}
        self._add(sum(wanted.get(user_id, 0) for user_id in same), sum(found.get(user_id, 0) for user_id in same))
        return [user_id for user_id in page if user_id not in same]

    def _verify_user(self, user_id: str) -> None:
        try:
            found = left = compare(self._ledger, self._graph, user_id)
            if self._repair and not found.none:
                left = repair(self._ledger, self._graph, user_id)
        except (UndecidedError, RowsRefusedError, GraphUnavailableError) as error:
            self._report.undecided.append({"user": user_id, "reason": str(error)})
        else:
            self._count(found, left)

    def _verify_orphans(self, after: str) -> str | None:
        """Report elements that belong to no user: no ledger row implies them, so each is extra. Return the cursor."""
        try:
            with self._graph.transaction(READ_SECONDS) as transaction:
                orphans, cursor = actual.orphans(transaction, after, self._page_orphans)
                if self._repair:
                    with graph_watermark.kept(transaction):
                        actual.delete(transaction, orphans)
        except RowsRefusedError:
            if not self._repair:
                raise
            self._delete_one_by_one(after)
            return after
        found = diff.compare({}, orphans)
        self._count(found, Differences() if self._repair else found)
        return cursor

    def _delete_one_by_one(self, after: str) -> None:
        """Delete orphans that have too many edges for one transaction."""
        with self._graph.transaction(READ_SECONDS) as transaction:
            orphans, _ = actual.orphans(transaction, after, self._page_orphans)
        nodes = [orphan for orphan in orphans if not orphan.is_edge]
        for orphan in nodes:
            deletions.delete_orphan(self._graph, orphan.handle)
        self._count(diff.compare({}, nodes), Differences())

    def _count(self, found: Differences, left: Differences) -> None:
        report, counts = self._report, found.counts()
        report.missing += counts["missing"]
        report.extra += counts["extra"]
        report.different += counts["different"]
        report.repaired += max(0, sum(counts.values()) - sum(left.counts().values()))
        report.examples += found.examples(MAX_EXAMPLES - len(report.examples))
        self._add(left.ledger, left.graph)

    def _add(self, ledger: int, graph: int) -> None:
        self._sums[0] += ledger
        self._sums[1] += graph
