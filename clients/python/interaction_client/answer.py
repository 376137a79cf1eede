"""What the API's answer means for the interactions of a request."""

import json
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Literal, NamedTuple

MAX_FLOOR_SECONDS = 86_400.0  # until a quota of the day is over; a longer Retry-After is taken for a mistake
RETRIED = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})


class Answer(NamedTuple):
    """An HTTP answer that was read to its end."""

    status: int
    text: str
    retry_after: str | None = None


class Verdict(NamedTuple):
    """The API is done with an interaction: it has it, or refuses it for this reason."""

    reason: str | None


@dataclass(frozen=True)
class Outcome:
    """What to do: use the verdicts, or with the request as a whole. A verdict of None is "retry"."""

    kind: Literal["verdicts", "retry", "token", "split", "pause"]
    reason: str = ""
    floor_seconds: float = 0.0
    verdicts: tuple[Verdict | None, ...] = ()


def judge(answer: Answer, count: int, now: float) -> Outcome:
    """Judge an answer to a request with so many interactions. Only a verdict that was read counts."""
    body = _parse(answer.text)
    message = body.get("message")
    reason = message if isinstance(message, str) else f"HTTP {answer.status}"
    floor = read_retry_after(answer.retry_after, now)
    if answer.status == HTTPStatus.UNAUTHORIZED:
        return Outcome("token", reason)
    if answer.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return Outcome("split", reason)
    if answer.status in RETRIED or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Outcome("retry", reason, floor)
    if not HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
        return Outcome("pause", reason)
    results = body.get("results")
    if not isinstance(results, list) or len(results) != count:
        return Outcome("retry", "the answer cannot be read", floor)
    return Outcome("verdicts", floor_seconds=floor, verdicts=tuple(map(_verdict, results)))


def read_retry_after(header: str | None, now: float) -> float:
    """Return a Retry-After header, in seconds or as a date, in seconds from now; 0 if there is none to read."""
    text = (header or "").strip()
    try:
        seconds = float(text) if text.isdecimal() else parsedate_to_datetime(text).timestamp() - now
    except ValueError:
        return 0.0
    return min(max(seconds, 0.0), MAX_FLOOR_SECONDS)


def _verdict(result: Any) -> Verdict | None:
    status = result.get("status") if isinstance(result, dict) else None
    if status == "ok":
        return Verdict(None)
    return Verdict(str(result.get("message") or "refused")) if status == "error" else None


def _parse(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
