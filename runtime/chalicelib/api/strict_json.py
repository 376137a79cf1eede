"""Parses JSON that every later reader understands alike; a refusal says what to change."""

import json
import math
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


def strict_json(body: bytes) -> Any:
    """Parse JSON without duplicate keys, NaN, Infinity and numbers outside a double's range; raises RefusedError."""
    if body.startswith(GZIP):
        raise RefusedError("the body is compressed with gzip: send it uncompressed", HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    try:
        return json.loads(
            body.decode("utf-8-sig"),  # a byte order mark is ignored, which RFC 8259 allows
            object_pairs_hook=_unique_keys,
            parse_constant=_refuse_constant,
            parse_int=_integer,
            parse_float=_finite,
        )
    except UnicodeDecodeError:
        raise RefusedError("the body is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise RefusedError(f"the body is not JSON: see line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise RefusedError(f"metadata: nested more than {MAX_DEPTH} levels deep") from None


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in pairs:
        if key in result:
            raise RefusedError(f"{key[:64]}: given twice")
        result[key] = value
    return result


def _refuse_constant(text: str) -> float:
    raise RefusedError(f"{text}: not a JSON number")


def _integer(text: str) -> int:
    _finite(text)  # first: int() would take long for 200,000 digits
    return int(text)


def _finite(text: str) -> float:
    if math.isinf(value := float(text)):
        raise RefusedError("a number is outside the range of a double")
    return value
