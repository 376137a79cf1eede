"""The live graph against the one that the ledger implies, a page at a time: first without locks, then exactly.

Each user is summed on both sides as the rows stream by. Only those whose sums differ are looked at again.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import groupby
from typing import Any

from chalicelib.graph.client import Graph, GraphUnavailableError, RowsRefusedError
from chalicelib.ledger import pages as history
from chalicelib.ledger.ledger import Ledger
from chalicelib.projection import rebuild, watermark
from chalicelib.verification import actual as elements
from chalicelib.verification import expected as oracle
from chalicelib.verification.diff import Look, differences
from chalicelib.verification.user import UndecidedError, delete, look, mend

READ_SECONDS = 300  # without locks; a user with 250,000 edges took less than 60
PAGE_USERS, PAGE_ROWS = 100, 5_000
PAGE_STRAYS = 5_000
EXAMPLES = 20
MODULUS = 1 << 128

# Parts of the whole, in this order: users that only the graph has, nodes that are no user's, and users of the ledger.
# These come last: what was taken for another's is gone by then, and can be made again as theirs.
_STRAYS, _LEDGER = elements.LISTS, elements.LISTS + 1

_COUNTS = """
SELECT user_id, count(*) FROM interaction WHERE user_id > %s GROUP BY user_id ORDER BY user_id LIMIT %s
"""
_WITHOUT = "SELECT u FROM unnest(%s::text[]) AS u WHERE NOT EXISTS (SELECT FROM interaction WHERE user_id = u)"


@dataclass
class Report:
    """What one call found; the caller adds up."""

    cursor: dict[str, Any] | None = None
    """Where the next call goes on; None at the end."""
    users: int = 0
    ledger: str = ""
    """Digest of what the ledger implies, as 32 hexadecimal digits: the sums of all calls, modulo 2 to the 128th."""
    graph: str = ""
    """The same of what the graph holds."""
    missing: int = 0
    extra: int = 0
    different: int = 0
    mended: int = 0
    """How many of these are so no longer."""
    examples: list[dict[str, Any]] = field(default_factory=list)
    undecided: list[dict[str, str]] = field(default_factory=list)
    """Users of whom it could not be told, and why."""


class Verification:
    """One call's share of the comparison."""

    def __init__(self, ledger: Ledger, graph: Graph, *, repair: bool) -> None:
        self._ledger, self._graph, self._repair = ledger, graph, repair
        self._report = Report()
        self._sums = [0, 0]

    def run(self, cursor: Mapping[str, Any] | None, in_time: Callable[[], bool]) -> dict[str, Any]:
        """Go on from the cursor until time is up, at least one page.

        Raises UndecidedError for a graph of newer code, and while a rebuild from scratch leaves it incomplete.
        """
        wiped = rebuild.latest_wipe(self._ledger.connection)
        if (under_way := rebuild.under_way(self._ledger.connection)) and under_way["from_scratch"]:
            raise UndecidedError("a rebuild from scratch is under way")
        if watermark.of_newer_code(self._graph):
            raise UndecidedError("the graph was made by newer code, and takes nothing from this")
        place: Mapping[str, Any] | None = cursor or {"part": 0, "after": ""}
        while place:
            place = self._page(place["part"], place["after"])
            if not in_time():
                break
        if rebuild.latest_wipe(self._ledger.connection) != wiped:
            raise UndecidedError("a rebuild from scratch began meanwhile")
        self._report.cursor = dict(place) if place else None
        self._report.ledger, self._report.graph = (f"{total % MODULUS:032x}" for total in self._sums)
        return asdict(self._report)

    def _page(self, part: int, after: str) -> dict[str, Any] | None:
        if part == _STRAYS:
            reached = self._strays(after)
        else:
            users, reached = self._ledger_users(after) if part == _LEDGER else self._graph_users(part, after)
            suspects = self._first_look(users) if part == _LEDGER else users
            for user_id in suspects:
                self._second_look(user_id)
            self._report.users += len(users)
        if reached is not None:
            return {"part": part, "after": reached}
        return None if part == _LEDGER else {"part": part + 1, "after": ""}

    def _ledger_users(self, after: str) -> tuple[list[str], str | None]:
        """Return the next users of the ledger, few enough that their rows are a page; one may be more by themselves."""
        users: list[str] = []
        rows = 0
        for user_id, count in self._ledger.connection.execute(_COUNTS, [after, PAGE_USERS]):
            rows += count
            if users and rows > PAGE_ROWS:
                break
            users.append(user_id)
        return users, users[-1] if users else None

    def _graph_users(self, which: int, after: str) -> tuple[list[str], str | None]:
        with self._graph.transaction(READ_SECONDS) as transaction:
            users, reached = elements.users_after(transaction, which, after, PAGE_USERS)
        return [user_id for (user_id,) in self._ledger.connection.execute(_WITHOUT, [users])], reached

    def _first_look(self, users: Sequence[str]) -> list[str]:
        """Count the users that are the same on both sides, and return the others."""
        implied: dict[str, int] = {}
        for user_id, rows in groupby(history.of_users(self._ledger.connection, users), key=lambda row: row.user_id):
            implied[user_id] = sum(elements.of(element).digest for element in oracle.implied(rows))
        held: dict[str, int] = defaultdict(int)
        try:
            with self._graph.transaction(READ_SECONDS) as transaction:
                for user_id, element in elements.held(transaction, users):
                    held[user_id] += element.digest
        except RowsRefusedError as error:
            self._report.undecided += [{"user": user_id, "reason": str(error)} for user_id in users]
            return []
        same = [user_id for user_id in users if implied.get(user_id) == held.get(user_id)]
        self._add(sum(implied.get(user_id, 0) for user_id in same), sum(held.get(user_id, 0) for user_id in same))
        return [user_id for user_id in users if user_id not in set(same)]

    def _second_look(self, user_id: str) -> None:
        try:
            first = last = look(self._ledger, self._graph, user_id)
            if self._repair and not first.clean:
                last = mend(self._ledger, self._graph, user_id)
        except (UndecidedError, RowsRefusedError, GraphUnavailableError) as error:
            self._report.undecided.append({"user": user_id, "reason": str(error)})
        else:
            self._tell(first, last)

    def _strays(self, after: str) -> str | None:
        """Report nodes that are no user's: no ledger row implies them, so each is extra. Return where to go on."""
        try:
            with self._graph.transaction(READ_SECONDS) as transaction:
                strays, reached = elements.strays(transaction, after, PAGE_STRAYS)
                if self._repair:
                    with watermark.kept(transaction):
                        delete(transaction, strays)
        except RowsRefusedError:
            if not self._repair:
                raise
            self._delete_one_by_one(after)
            return after
        found = differences({}, strays)
        self._tell(found, Look() if self._repair else found)
        return reached

    def _delete_one_by_one(self, after: str) -> None:
        """Delete strays whose edges are too many for one transaction."""
        with self._graph.transaction(READ_SECONDS) as transaction:
            strays, _ = elements.strays(transaction, after, PAGE_STRAYS)
        nodes = [stray for stray in strays if not stray.is_edge]
        for stray in nodes:
            elements.delete_stray(self._graph, stray.handle)
        self._tell(differences({}, nodes), Look())

    def _tell(self, first: Look, last: Look) -> None:
        report = self._report
        for name, number in first.counts().items():
            setattr(report, name, getattr(report, name) + number)
        left = sum(last.counts().values())
        report.mended += max(0, sum(first.counts().values()) - left)
        report.examples += first.examples(EXAMPLES - len(report.examples))
        self._add(last.ledger, last.graph)

    def _add(self, ledger: int, graph: int) -> None:
        self._sums[0] += ledger
        self._sums[1] += graph
