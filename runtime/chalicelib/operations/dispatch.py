"""Runs the operations that operators and deploys ask for in the private stores."""

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from chalicelib.graph.client import Graph, GraphUnavailableError
from chalicelib.ledger.ledger import Ledger
from chalicelib.ledger.migrate import migrate_ledger
from chalicelib.projection import watermark
from chalicelib.telemetry import log, measure

# By argument, how it is read: what the log tells of an operation besides its user.
_TOLD: Final[Mapping[str, Callable[[str], object]]] = {
    "id": UUID,
    "day": date.fromisoformat,
    "since": datetime.fromisoformat,
    "until": datetime.fromisoformat,
    "erased_at": datetime.fromisoformat,
    "rebuild": int,
}
# The arguments that choose what is done, as the operations take them: by whether they are true.
_CHOICES: Final = ("excluded", "fresh", "from_scratch", "repair", "with_account")
_USER_ID: Final = re.compile(r"[0-9A-Za-z_-]{1,128}")  # Cognito's are UUIDs; no address has this form


def migrate(owner: Mapping[str, Any], ledger: Ledger, graph: Graph) -> dict[str, Any]:
    """Bring both stores up to this code and return what was done; a repeat does nothing.

    An unavailable graph does not stop a deploy: catch-up prepares it later. Raises as `migrate_ledger` does.
    """
    applied = migrate_ledger(owner)
    try:
        graph.prepare()
        watermark.start(ledger, graph)
    except GraphUnavailableError as error:
        log.warning("the graph is unavailable", reason=str(error))
        return {"applied": applied, "graph": "left to catch-up"}
    return {"applied": applied, "graph": "prepared"}


def run(event: Mapping[str, Any], operations: Mapping[str, Callable[..., Any]]) -> dict[str, Any]:
    """Run the operation that the event names and return its result; raises ValueError for an unknown one.

    An operator's event is {"operation": …, "caller": ARN} with the operation's arguments. A deploy's event is a custom
    resource's: the name, which can be "migrate" only, is among its properties, and there are no arguments. Each call is
    one line in the log.
    """
    deploy = event.get("ResourceProperties")
    asked = {"operation": deploy.get("operation"), "caller": "deploy"} if deploy else dict(event)
    name, caller = str(asked.pop("operation", None)), asked.pop("caller", None)
    if name not in operations or (deploy and name != "migrate"):
        raise ValueError(f"operation must be one of {', '.join(operations)}")
    outcome = "failed"
    try:
        with log.append_context_keys(caller=caller):  # in what the operation itself logs
            result = operations[name](**asked)
        outcome = "done"
    except GraphUnavailableError as error:
        raise GraphUnavailableError(f"the graph takes no work now ({error}): is Neo4j unavailable?") from error
    finally:
        # The caller says who they are; CloudTrail has the proof, under the same request id.
        log.info("operation", operation=name, caller=caller, **_told(asked), outcome=outcome)
    return {"operation": name, "result": result}


def _told(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return the user, what was looked at and what was chosen. Other arguments are left out: they may be any text."""
    user_id = asked.get("user_id")
    found: dict[str, Any] = {"user_id": user_id if user_id is None or _USER_ID.fullmatch(str(user_id)) else "not an id"}
    for name, read in _TOLD.items():
        with suppress(KeyError, ValueError):
            found[name] = str(read(str(asked[name])))
    return found | {name: bool(asked[name]) for name in _CHOICES if name in asked}


def record_mended(message_id: str, before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]) -> None:
    """Record that an operator sends another message in place of this dead-lettered one.

    `before` and `after` have `id` and `user_id` of each interaction; nothing else of them comes into the log.
    """
    named = [[{name: one.get(name) for name in ("id", "user_id")} for one in part] for part in (before, after)]
    log.warning("mended", message_id=message_id, before=named[0], after=named[1])


def count_discarded(interactions: int) -> None:
    """Count interactions that an operator removed from the dead-letter queue; below 0, those put back or added."""
    log.warning("discarded", interactions=interactions)
    measure(Discarded=interactions)
