"""The interactions that the bench sends: made up, the same for the same seed.

A user opens an event (nine recalls to one workspace, with a query as metadata) and then touches on average four
artifacts out of 50 of their own: of ten touches six are peels, two keeps, one is a good and one a bad mark; every
second touch has metadata. Several users do so at the same time, so their interactions arrive mixed.
"""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from chalicelib.interaction import Interaction, Kind, derive_id, microseconds

BEGIN = datetime(2026, 5, 1, tzinfo=UTC)
ROWS_PER_USER = 100
TOUCHES = [Kind.PEEL] * 6 + [Kind.KEEP] * 2 + [Kind.MARK_GOOD, Kind.MARK_BAD]
OPENINGS = [Kind.RECALL] * 9 + [Kind.WORKSPACE]
EVENTS_AT_ONCE = 50


def interactions(count: int, seed: int, *, users: int | None = None) -> list[Interaction]:
    """Return `count` interactions; another seed gives other users. By default each user has about 100."""
    dice = random.Random(seed)  # noqa: S311  no secret
    names = [f"{seed:04}-{number:06}@example.com" for number in range(users or max(1, count // ROWS_PER_USER))]
    made: list[Interaction] = []
    running = [_event(dice, names) for _ in range(EVENTS_AT_ONCE)]
    while len(made) < count:
        at = dice.randrange(EVENTS_AT_ONCE)
        content = next(running[at], None)
        if content is None:
            running[at] = _event(dice, names)
            continue
        time = microseconds(BEGIN + timedelta(seconds=seed * 100_000) + timedelta(milliseconds=20 * len(made)))
        made.append(Interaction(id=derive_id(timestamp=time, **content), timestamp=time, received_at=time, **content))
    return made


def _event(dice: random.Random, names: list[str]) -> Iterator[dict[str, Any]]:
    user_id, event_id = dice.choice(names), str(UUID(int=dice.getrandbits(128), version=4))
    query = {"query": f"made-up query {dice.getrandbits(64):x}", "page": dice.randrange(9)}
    common = {"user_id": user_id, "event_id": event_id}
    yield {**common, "kind": dice.choice(OPENINGS), "artifact_id": None, "metadata": query}
    for _ in range(dice.randrange(9)):
        metadata = dice.choice([None, {"rank": dice.randrange(50), "view": "list"}])
        artifact = f"{user_id}/artifact-{dice.randrange(50)}"
        yield {**common, "kind": dice.choice(TOUCHES), "artifact_id": artifact, "metadata": metadata}
