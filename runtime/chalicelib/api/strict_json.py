"""Parses JSON that every later reader understands alike; a refusal says what to change."""

import json
import math
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

MAX_DEPTH = 64
GZIP = b"\x1f\x8b"  # how every gzip file begins, and no JSON


class RefusedError(Exception):
    """The request is wrong; the text says what to change."""

    def __init__(self, message: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> None:
        """Take the message for the frontend developer and the HTTP status of the answer."""
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Flaw:
    """Stands in parsed JSON for what strict JSON forbids, so that in a batch it concerns one interaction only."""

    message: str


def parse_json(body: bytes) -> Any:
    """Parse JSON; duplicate keys, NaN, Infinity and numbers outside a double's range become a `Flaw`.

    Raises RefusedError for what is no JSON at all.
    """
    if body.startswith(GZIP):
        message = "the body is compressed with gzip: send the header Content-Encoding: gzip"
        raise RefusedError(message, HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    try:
        return json.loads(
            body.decode("utf-8-sig"),  # a byte order mark is ignored, which RFC 8259 allows
            object_pairs_hook=_unique_keys,
            parse_constant=lambda text: Flaw(f"{text}: not a JSON number"),
            parse_int=_integer,
            parse_float=_finite,
        )
    except UnicodeDecodeError:
        raise RefusedError("the body is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise RefusedError(f"the body is not JSON: see line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise RefusedError(f"metadata: nested more than {MAX_DEPTH} levels deep") from None


def check_flawless(value: Any) -> None:
    """Raise RefusedError if a flaw is anywhere in the parsed JSON."""
    values = [value]
    while values:
        match values.pop():
            case Flaw(message):
                raise RefusedError(message)
            case dict() as fields:
                values += fields.values()
            case list() as items:
                values += items


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any] | Flaw:
    result: dict[str, Any] = {}
    for key, value in pairs:
        if key in result:
            return Flaw(f"{key[:64]}: given twice")
        result[key] = value
    return result


def _integer(text: str) -> int | Flaw:
    finite = _finite(text)  # first: int() would take long for 200,000 digits
    return finite if isinstance(finite, Flaw) else int(text)


def _finite(text: str) -> float | Flaw:
    value = float(text)
    return Flaw("a number is outside the range of a double") if math.isinf(value) else value
