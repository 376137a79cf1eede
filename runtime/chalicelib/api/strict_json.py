"""JSON that means the same to everyone who reads it later, or a refusal that says what to change."""

import json
import math
from http import HTTPStatus
from typing import Any

MAX_DEPTH = 64
MAX_DIGITS = 309  # of the largest integer within a double's range


class RefusedError(Exception):
    """The request is wrong; the text says what to change, the status of what sort it is."""

    def __init__(self, message: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> None:
        """Take the text for the frontend developer and the HTTP status."""
        super().__init__(message)
        self.status = status


def strict_json(body: bytes) -> Any:
    """Parse JSON that means the same everywhere: no key twice, no NaN or Infinity, numbers within a double's range."""
    try:
        return json.loads(
            body.decode(),
            object_pairs_hook=_each_key_once,
            parse_constant=_refuse_constant,
            parse_int=_whole_number,
            parse_float=_finite_number,
        )
    except UnicodeDecodeError:
        raise RefusedError("the body is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise RefusedError(f"the body is not JSON: {error.msg} at line {error.lineno} column {error.colno}") from None
    except RecursionError:
        raise RefusedError(f"metadata: nested more than {MAX_DEPTH} levels deep") from None


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in pairs:
        if key in result:
            raise RefusedError(f"{key[:64]}: given twice")
        result[key] = value
    return result


def _refuse_constant(text: str) -> float:
    raise RefusedError(f"{text}: not a JSON number")


def _whole_number(text: str) -> int:
    if len(text) > MAX_DIGITS + 1 or math.isinf(float(text)):
        raise RefusedError("a number is beyond the range of a double")
    return int(text)


def _finite_number(text: str) -> float:
    if math.isinf(value := float(text)):
        raise RefusedError("a number is beyond the range of a double")
    return value
