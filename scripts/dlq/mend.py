"""Mends one dead-lettered message: the corrected body is checked as the worker will, and sent in its place."""

import json
from typing import Any

from pydantic import BaseModel, ValidationError

from chalicelib.interaction import Interaction
from chalicelib.queue import Message, NewerMessageError, PoisonError, decode, encode
from scripts.common.errors import OperationError, WrongUseError
from scripts.common.target import Target
from scripts.dlq.discard_file import DiscardFile
from scripts.dlq.message import DlqMessage, Selection
from scripts.dlq.queue import DeadLetterQueue

MAX_RECORDED = 500  # parts; the API's messages have at most 100
MAX_ID_CHARACTERS = 128  # of an id in the record; a message that others sent may have any text there


def find_problems(body: str) -> list[str]:
    """Return what the worker would refuse in the body, in a sentence for each; none if it can be stored."""
    try:
        data = json.loads(body)
    except ValueError as error:
        where = f", line {error.lineno}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
        return [f"it is not JSON{where}: {getattr(error, 'msg', error)}"]
    except RecursionError:
        return ["it is nested too deep"]
    found = _problems(Message, data, "")
    if found:
        return found
    for number, one in enumerate(data["interactions"]):
        found += _problems(Interaction, one, f"interactions[{number}]")
    try:
        return found or [
            f"{json.loads(one)['interactions'][0]['id']}: a time is in the future" for one in decode(body).refused
        ]
    except NewerMessageError as error:
        return [f"the worker does not know this {error}"]
    except PoisonError:
        return found or ["a time is in the future"]


def find_refusals(message: DlqMessage, body: str) -> list[str]:
    """Return why the body cannot be sent in place of the message: the worker would refuse it, or it changes a user."""
    if problems := find_problems(body):
        return problems
    users = {one.user_id for one in decode(body).interactions}
    return [f"no interaction of the original is of user {user}" for user in sorted(users - message.owners(users))]


def mend(target: Target, message_id: str, body: str, file: DiscardFile) -> list[str]:
    """Write the message to the file, send the body in its place and remove it; return the interactions' ids.

    The operations function records this before, and counts what was dropped. Raises WrongUseError for a body with
    `find_refusals` or if the message is not there, and OperationError if SQS refuses the body: then the message stays.
    If interrupted, do it again: no interaction is stored twice.
    """
    with DeadLetterQueue(target, settle_seconds=2) as queue:
        found = next(iter(queue.read(Selection(message_id=message_id).matches, keep=True)), None)
        if found is None:
            raise WrongUseError("the message is not in the dead-letter queue, or another command holds it")
        if refusals := find_refusals(found, body):
            raise WrongUseError("; ".join(refusals))
        interactions = decode(body).interactions
        file.append([found])
        mended = DlqMessage(**{**found.model_dump(), "body": encode(*interactions)})
        target.operate("record_mended", message_id=message_id, before=_names(found), after=_names(mended))
        if not queue.send([mended]):
            raise OperationError("the queue refused the message; it stays in the dead-letter queue")
        dropped = len(found.parts) - len(interactions)
        if queue.delete([found]) and dropped:
            target.operate("count_discarded", interactions=dropped)
    return [one.id for one in interactions]


def _names(message: DlqMessage) -> list[dict[str, str | None]]:
    """Return the id and the user's id of each part, None if it has none."""
    return [{name: _text(part, name) for name in ("id", "user_id")} for part in message.parts[:MAX_RECORDED]]


def _text(part: Any, name: str) -> str | None:
    value = part.get(name) if isinstance(part, dict) else None
    return value[:MAX_ID_CHARACTERS] if isinstance(value, str) else None


def _problems(model: type[BaseModel], value: Any, where: str) -> list[str]:
    try:
        model.model_validate(value)
    except ValidationError as error:
        return [
            f"{_path(where, problem['loc'])}: {problem['msg'][0].lower()}{problem['msg'][1:]}"
            for problem in error.errors()
        ]
    return []


def _path(where: str, location: tuple[int | str, ...]) -> str:
    names = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return f"{where}{names}".lstrip(".") or "the message"
