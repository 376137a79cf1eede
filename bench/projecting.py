"""How fast rows get from the outbox into the graph, beside a blind creation of the same rows."""

import json
from collections.abc import Callable, Sequence
from operator import itemgetter
from uuid import UUID

from bench.processes import Drainer, seconds
from bench.rows import interactions
from bench.stores import Stores
from chalicelib.interaction import Interaction, Kind, to_datetime
from chalicelib.ledger.ledger import Row
from chalicelib.projection import rebuild
from chalicelib.projection.projector import changes

Rates = dict[str, tuple[float, float]]
CLAIM = 1000
LEFT_SHARE = 0.05  # at most
SMALL = {10: 0.05, 100: 0.25}  # claims, and the share of the rows that a round projects in such claims


def rates(stores: Stores, two: Sequence[Drainer], rows: int, seeds: Callable[[], int]) -> Rates:
    """Return rates in rows/s, each with its ceiling's: one drain, two, small claims, a hot user, a repetition."""
    one = two[:1]
    found: Rates = {}
    for name, processes in (("one drain", one), ("two drains", two)):
        found[f"project, {name}"] = (
            drained(stores, processes, interactions(rows, seeds())),
            blind(stores, processes, interactions(rows, seeds())),
        )
    for size, share in SMALL.items():
        count = int(rows * share)
        found[f"project, claims of {size}"] = (
            drained(stores, one, interactions(count, seeds()), size),
            blind(stores, one, interactions(count, seeds()), size),
        )
    best, _ = found["project, two drains"]
    found["rebuild, two callers of two drains"] = (rebuilt(stores, processes, interactions(rows, seeds())), best)
    even, _ = found["project, one drain"]
    found["project, one hot user of an even spread"] = (
        drained(stores, one, interactions(rows // 2, seeds(), users=1)),
        even,
    )
    again = interactions(rows // 2, seeds())
    first = drained(stores, one, again)
    _requeue(stores, again)
    found["project, a repeated claim of the first"] = (_drain(one, len(again)), first)
    return found


def drained(stores: Stores, processes: Sequence[Drainer], rows: Sequence[Interaction], size: int = CLAIM) -> float:
    """Fill the outbox and return how many rows a second these processes project.

    Rows that wait for a user whom another process holds, as older code lets them, do not count.
    """
    for start in range(0, len(rows), CLAIM):
        stores.ledger.store(rows[start : start + CLAIM])
    stores.owner.execute("ANALYZE graph_outbox, interaction")  # as autovacuum does within a minute
    return drain_all(stores, processes, len(rows), size)


def drain_all(stores: Stores, processes: Sequence[Drainer], rows: int, size: int = CLAIM) -> float:
    """Return how many rows a second these processes project of the outbox, which holds so many; it is empty then."""
    rate = _drain(processes, rows, size)
    left = stores.owner.execute("DELETE FROM graph_outbox").rowcount
    if left > rows * LEFT_SHARE:
        raise RuntimeError(f"{left} of {rows} rows were not projected")
    return rate * (1 - left / rows)


def blind(stores: Stores, processes: Sequence[Drainer], rows: Sequence[Interaction], size: int = CLAIM) -> float:
    """Return how many of these rows a second the same processes create without looking, each with its own users."""
    shares: list[list[Row]] = [[] for _ in processes]
    for partition, row in sorted(((_partition(stores, one.user_id), _row(one)) for one in rows), key=itemgetter(0)):
        shares[partition % len(shares)].append(row)
    commands = [
        ("blind", {"claims": [changes(share[at : at + size]).users for at in range(0, len(share), size)]})
        for share in shares
    ]
    return len(rows) / seconds(processes, commands)


def rebuilt(stores: Stores, processes: Sequence[Drainer], rows: Sequence[Interaction]) -> float:
    """Return how many rows a second these processes rebuild, of rows that are in no outbox."""
    for start in range(0, len(rows), CLAIM):
        stores.ledger.store(rows[start : start + CLAIM])
    stores.owner.execute("TRUNCATE graph_outbox")
    stores.owner.execute("ANALYZE interaction")
    rebuild.begin(stores.ledger, cause="the bench", since=to_datetime(min(one.timestamp for one in rows)))
    rebuild.step(stores.ledger, stores.graph)
    return len(rows) / seconds(processes, [("rebuild", {"claim_rows": CLAIM})] * len(processes))


def flat(stores: Stores, process: Drainer, rows: int, seed: int) -> tuple[float, float]:
    """Return the rate of the last tenth of so many edges between one event and one artifact, and of the first tenth."""
    some = interactions(rows, seed, users=1)
    alike = [
        one.model_copy(update={"event_id": some[0].event_id, "kind": Kind.PEEL, "artifact_id": "the same"})
        for one in some
    ]
    tenth = rows // 10
    by_tenth = [drained(stores, [process], alike[at : at + tenth]) for at in range(0, rows, tenth)]
    return by_tenth[-1], by_tenth[0]


def _drain(processes: Sequence[Drainer], rows: int, size: int = CLAIM) -> float:
    return rows / seconds(processes, [("drain", {"claim_rows": size})] * len(processes))


def _requeue(stores: Stores, rows: Sequence[Interaction]) -> None:
    ids = [one.id for one in rows]
    stores.owner.execute(
        "INSERT INTO graph_outbox (interaction_id, bytes) SELECT id, 500 FROM interaction WHERE id = ANY(%s)", [ids]
    )


def _partition(stores: Stores, user_id: str) -> int:
    if user_id not in _partitions:
        [_partitions[user_id]] = stores.owner.execute("SELECT user_partition(%s)", [user_id]).fetchone() or (0,)
    return _partitions[user_id]


_partitions: dict[str, int] = {}


def _row(one: Interaction) -> Row:
    return Row(
        id=UUID(one.id),
        user_id=one.user_id,
        event_id=UUID(one.event_id),
        kind=one.kind,
        artifact_id=one.artifact_id,
        metadata=None if one.metadata is None else json.dumps(one.metadata),
        timestamp=to_datetime(one.timestamp),
        attempts=0,
        received_at=to_datetime(one.received_at),
    )
