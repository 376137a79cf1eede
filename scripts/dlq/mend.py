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


def mend(target: Target, message_id: str, body: str, file: DiscardFile) -> list[str]:
    """Write the message to the file, send the body in its place and remove it; return the interactions' ids.

    Raises WrongUseError if the body cannot be stored or the message is not there, and OperationError if SQS refuses the
    body: then the message stays. If interrupted, do it again: no interaction is stored twice.
    """
    if problems := find_problems(body):
        raise WrongUseError("; ".join(problems))
    interactions = decode(body).interactions
    with DeadLetterQueue(target, settle_seconds=2) as queue:
        found = next(iter(queue.read(Selection(message_id=message_id).matches, keep=True)), None)
        if found is None:
            raise WrongUseError("the message is not in the dead-letter queue, or another command holds it")
        file.append([found])
        mended = DlqMessage(**{**found.model_dump(), "body": encode(*interactions)})
        if not queue.send([mended]):
            raise OperationError("the queue refused the message; it stays in the dead-letter queue")
        queue.delete([found])
    return [one.id for one in interactions]


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
