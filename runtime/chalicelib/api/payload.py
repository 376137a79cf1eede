"""The request's body: strict JSON, judged field by field in words that a frontend developer can act on."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http import HTTPStatus
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from chalicelib.api.strict_json import MAX_DEPTH, RefusedError, strict_json
from chalicelib.interaction import EPOCH, Interaction, Kind, derive_event_id, derive_id, microseconds

MAX_PROBLEMS = 10
MAX_NUMBERS = 1_000_000  # Postgres writes 1e308 as 309 digits; 256 KiB of such would be more than the graph takes
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
CLOCK_SKEW = timedelta(days=1)  # how far ahead a client's clock may be
MILLISECONDS_FROM = 10**11  # a number below it is seconds since 1970 (until the year 5138)
UNSTORABLE = re.compile("[\0\ud800-\udfff]")
UUID_FORM = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

NEED_TIMESTAMP = "must be seconds or milliseconds since 1970, or ISO 8601 with an offset (2024-05-01T12:00:00Z)"
NEED_ARTIFACT = "must be a string of 1 to 256 characters"
WORDING = {
    "missing": "required",
    "extra_forbidden": "unknown field",
    "enum": "must be one of " + ", ".join(Kind),
    "dict_type": "must be an object or null",
    "string_unicode": "holds half of a surrogate pair",
    "string_type": NEED_ARTIFACT,
    "string_too_short": NEED_ARTIFACT,
    "string_too_long": NEED_ARTIFACT,
}


def _wrong(text: str) -> PydanticCustomError:
    return PydanticCustomError("refused", "{text}", {"text": text})


def _storable(value: Any, depth: int = 1) -> Any:
    """Return the JSON value as it is, or refuse what Postgres or a frontend could not read back."""
    if depth > MAX_DEPTH and isinstance(value, dict | list):
        raise _wrong(f"nested more than {MAX_DEPTH} levels deep")
    if isinstance(value, str) and UNSTORABLE.search(value):
        raise _wrong("holds a NUL character or half of a surrogate pair")
    for inner in _children(value):
        _storable(inner, depth + 1)
    return value


def _children(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def _lower_uuid(value: Any) -> Any:
    if value is not None and not (isinstance(value, str) and UUID_FORM.fullmatch(value)):
        raise _wrong("must be a UUID such as d3aac781-5229-5aa4-997e-6705b4971007")
    return value and value.lower()


def _to_microseconds(value: Any, info: ValidationInfo) -> int:
    """Convert a number (seconds, or milliseconds from 1e11 on) or an ISO 8601 text, once and for all."""
    try:
        if isinstance(value, str):
            when = datetime.fromisoformat(value)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            # By way of the decimal text: what the client wrote, not the binary neighbour of it.
            unit = 10**3 if value >= MILLISECONDS_FROM else 10**6
            when = EPOCH + timedelta(microseconds=round(Decimal(repr(value)) * unit))
        else:
            raise _wrong(NEED_TIMESTAMP)
        in_range = EARLIEST <= when <= _now(info) + CLOCK_SKEW
    except (ValueError, TypeError, OverflowError):  # TypeError: a text without offset does not compare
        raise _wrong(NEED_TIMESTAMP) from None
    if not in_range:
        raise _wrong("must lie between the year 2000 and a day from now")
    return microseconds(when)


def _now(info: ValidationInfo) -> datetime:
    now: datetime = (info.context or {})["now"]
    return now


class PostPayload(BaseModel):
    """The body of POST /interaction."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    kind: Kind
    artifact_id: Annotated[str, Field(strict=True, min_length=1, max_length=256)] | None = Field(
        default=None, validate_default=True
    )
    event_id: Annotated[str | None, BeforeValidator(_lower_uuid)] = None
    metadata: Annotated[dict[str, Any] | None, BeforeValidator(_storable)] = None
    timestamp: Annotated[int, BeforeValidator(_to_microseconds)]

    @field_validator("artifact_id")
    @classmethod
    def needed_by_kind(cls, value: str | None, info: ValidationInfo) -> str | None:
        """Refuse an interaction with an artifact that does not say which."""
        kind = info.data.get("kind")
        if value is None and kind is not None and not kind.opens:
            raise _wrong(f"required for kind '{kind}'")
        _storable(value)
        return value


def parse(body: bytes, *, user_id: str, now: datetime) -> Interaction:
    """Return the interaction that a request's body stands for, its ids filled in.

    Raises RefusedError, naming every wrong field, for anything but a sound payload.
    """
    data = strict_json(body)
    if not isinstance(data, dict):
        raise RefusedError("the body must be a JSON object")
    try:
        payload = PostPayload.model_validate(data, context={"now": now})
    except ValidationError as error:
        raise RefusedError(_wording(error)) from None
    if _written_out(payload.metadata) > MAX_NUMBERS:
        raise RefusedError("metadata: its numbers, written out, are too long", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    content = {"user_id": user_id, **payload.model_dump()}
    given = content.pop("event_id")
    content["event_id"] = given or derive_event_id(**content)
    return Interaction(id=derive_id(**content), received_at=microseconds(now), **content)


def _written_out(value: Any) -> int:
    """Return how many characters the fractional numbers in a JSON value take without exponents."""
    if isinstance(value, float):
        return len(format(Decimal(repr(value)), "f"))
    return sum(_written_out(inner) for inner in _children(value))


def _wording(error: ValidationError) -> str:
    problems = [
        f"{str((*problem['loc'], 'the body')[0])[:64]}: {WORDING.get(problem['type'], problem['msg'])}"
        for problem in error.errors()
    ]
    more = len(problems) - MAX_PROBLEMS
    return "; ".join(problems[:MAX_PROBLEMS]) + (f"; and {more} more" if more > 0 else "")
