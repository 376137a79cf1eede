"""The types of an interaction's fields: what each may hold, with messages that a frontend developer can act on."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationInfo, WithJsonSchema
from pydantic_core import PydanticCustomError

from chalicelib.api.strict_json import MAX_DEPTH
from chalicelib.api.timestamp import read_timestamp
from chalicelib.interaction import EARLIEST, microseconds

MAX_CLOCK_SKEW = timedelta(days=1)  # a client's clock may be ahead by this
UNSTORABLE = re.compile("[\0\ud800-\udfff]")
UUID_FORM = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

TIMESTAMP_FORMS = "must be seconds or milliseconds since 1970, or ISO 8601 with an offset (2024-05-01T12:00:00Z)"
HALF_SURROGATE = "contains half of a surrogate pair"


def refusal(message: str) -> PydanticCustomError:
    """Return the error that refuses a field's value with this message."""
    return PydanticCustomError("refused", "{message}", {"message": message})


def storable(value: Any, depth: int = 1) -> Any:
    """Return the JSON value unchanged; refuse what Postgres cannot store or a frontend cannot read back."""
    if depth > MAX_DEPTH and isinstance(value, dict | list):
        raise refusal(f"nested more than {MAX_DEPTH} levels deep")
    if isinstance(value, str) and (found := UNSTORABLE.search(value)):
        raise refusal("contains a NUL character" if found[0] == "\0" else HALF_SURROGATE)
    for child in _children(value):
        storable(child, depth + 1)
    return value


def _children(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def _lower_uuid(value: Any) -> Any:
    if value is not None and not (isinstance(value, str) and UUID_FORM.fullmatch(value)):
        raise refusal("must be a UUID such as d3aac781-5229-5aa4-997e-6705b4971007")
    return value and value.lower()


def _valid_timestamp(value: Any, info: ValidationInfo) -> int:
    try:
        timestamp = read_timestamp(value)
    except ValueError:
        raise refusal(TIMESTAMP_FORMS) from None
    now: datetime = (info.context or {})["now"]
    if not EARLIEST <= timestamp <= now + MAX_CLOCK_SKEW:
        raise refusal("must be between the year 2000 and one day from now")
    return microseconds(timestamp)


def number_characters(value: Any) -> int:
    """Return the total length of a JSON value's fractional numbers when written without exponents."""
    if isinstance(value, float):
        return len(format(Decimal(repr(value)), "f"))
    return sum(number_characters(child) for child in _children(value))


ArtifactId = Annotated[str, Field(strict=True, min_length=1, max_length=256)]
EventId = Annotated[
    str | None, BeforeValidator(_lower_uuid), WithJsonSchema({"type": ["string", "null"], "format": "uuid"})
]
Metadata = Annotated[dict[str, Any] | None, BeforeValidator(storable)]
Timestamp = Annotated[
    int,
    BeforeValidator(_valid_timestamp),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string", "format": "date-time"}]}),
]
