"""Validates the request's body field by field, with messages that a frontend developer can act on."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from http import HTTPStatus
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from chalicelib.api.strict_json import MAX_DEPTH, Flaw, RefusedError, check_flawless, parse_json
from chalicelib.api.timestamp import read_timestamp
from chalicelib.interaction import EARLIEST, Interaction, Kind, derive_event_id, derive_id, microseconds

MAX_BATCH = 100  # interactions in one request
MAX_PROBLEMS = 10  # named in one message
# Postgres writes 1e308 as 309 digits; 256 KiB of such numbers would be more than the graph takes.
MAX_NUMBER_CHARACTERS = 1_000_000
MAX_CLOCK_SKEW = timedelta(days=1)  # a client's clock may be ahead by this
UNSTORABLE = re.compile("[\0\ud800-\udfff]")
UUID_FORM = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

TIMESTAMP_FORMS = "must be seconds or milliseconds since 1970, or ISO 8601 with an offset (2024-05-01T12:00:00Z)"
ARTIFACT_FORM = "must be a string of 1 to 256 characters"
BATCH_FORM = f"must be a list of 1 to {MAX_BATCH} interactions"
# By pydantic's type of error.
MESSAGES = {
    "missing": "required",
    "extra_forbidden": "unknown field",
    "enum": "must be one of " + ", ".join(Kind),
    "dict_type": "must be an object or null",
    "string_unicode": "contains half of a surrogate pair",
    "string_type": ARTIFACT_FORM,
    "string_too_short": ARTIFACT_FORM,
    "string_too_long": ARTIFACT_FORM,
    "list_type": BATCH_FORM,
    "too_short": BATCH_FORM,
    "too_long": BATCH_FORM,
}


def _refusal(message: str) -> PydanticCustomError:
    return PydanticCustomError("refused", "{message}", {"message": message})


def _storable(value: Any, depth: int = 1) -> Any:
    """Return the JSON value unchanged; refuse what Postgres cannot store or a frontend cannot read back."""
    if depth > MAX_DEPTH and isinstance(value, dict | list):
        raise _refusal(f"nested more than {MAX_DEPTH} levels deep")
    if isinstance(value, str) and (found := UNSTORABLE.search(value)):
        raise _refusal("contains a NUL character" if found[0] == "\0" else MESSAGES["string_unicode"])
    for child in _children(value):
        _storable(child, depth + 1)
    return value


def _children(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def _lower_uuid(value: Any) -> Any:
    if value is not None and not (isinstance(value, str) and UUID_FORM.fullmatch(value)):
        raise _refusal("must be a UUID such as d3aac781-5229-5aa4-997e-6705b4971007")
    return value and value.lower()


def _valid_timestamp(value: Any, info: ValidationInfo) -> int:
    try:
        timestamp = read_timestamp(value)
    except ValueError:
        raise _refusal(TIMESTAMP_FORMS) from None
    now: datetime = (info.context or {})["now"]
    if not EARLIEST <= timestamp <= now + MAX_CLOCK_SKEW:
        raise _refusal("must be between the year 2000 and one day from now")
    return microseconds(timestamp)


class PostPayload(BaseModel):
    """The body of POST /interaction."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    kind: Kind
    artifact_id: Annotated[str, Field(strict=True, min_length=1, max_length=256)] | None = Field(
        default=None, validate_default=True
    )
    event_id: Annotated[str | None, BeforeValidator(_lower_uuid)] = None
    metadata: Annotated[dict[str, Any] | None, BeforeValidator(_storable)] = None
    timestamp: Annotated[int, BeforeValidator(_valid_timestamp)]

    @field_validator("artifact_id")
    @classmethod
    def required_by_kind(cls, value: str | None, info: ValidationInfo) -> str | None:
        """Refuse an interaction without an artifact when its kind needs one."""
        kind = info.data.get("kind")
        if value is None and kind is not None and not kind.opens:
            raise _refusal(f"required for kind '{kind}'")
        _storable(value)
        return value


class BatchPayload(BaseModel):
    """The body of POST /interactions. Each interaction is judged by itself."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    interactions: Annotated[list[Any], Field(min_length=1, max_length=MAX_BATCH)]


def parse(body: bytes, *, user_id: str, now: datetime) -> Interaction:
    """Return the interaction that a request's body describes, with its ids.

    Raises RefusedError for a wrong body; its message names every wrong field.
    """
    return read_interaction(_object(parse_json(body), "the body"), user_id=user_id, now=now)


def read_batch(body: bytes) -> list[Any]:
    """Return the interactions of a batch as parsed JSON, each still to be read by `read_interaction`.

    Raises RefusedError if what is around them is wrong.
    """
    data = _object(parse_json(body), "the body")
    try:
        return BatchPayload.model_validate(data).interactions
    except ValidationError as error:
        raise RefusedError(_message(error)) from None


def read_interaction(data: Any, *, user_id: str, now: datetime) -> Interaction:
    """Return the interaction that parsed JSON describes, with its ids; raises as `parse` does."""
    check_flawless(data)
    try:
        payload = PostPayload.model_validate(_object(data, "an interaction"), context={"now": now})
    except ValidationError as error:
        raise RefusedError(_message(error)) from None
    if _number_characters(payload.metadata) > MAX_NUMBER_CHARACTERS:
        raise RefusedError(
            "metadata: its numbers are too long when written without exponents", HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        )
    content = {"user_id": user_id, **payload.model_dump()}
    given_event_id = content.pop("event_id")
    content["event_id"] = given_event_id or derive_event_id(**content)
    return Interaction(id=derive_id(**content), received_at=microseconds(now), **content)


def _object(value: Any, subject: str) -> dict[str, Any]:
    if isinstance(value, Flaw):
        raise RefusedError(value.message)
    if not isinstance(value, dict):
        raise RefusedError(f"{subject} must be a JSON object")
    return value


def _number_characters(value: Any) -> int:
    """Return the total length of a JSON value's fractional numbers when written without exponents."""
    if isinstance(value, float):
        return len(format(Decimal(repr(value)), "f"))
    return sum(_number_characters(child) for child in _children(value))


def _message(error: ValidationError) -> str:
    problems = [
        f"{str((*problem['loc'], 'the body')[0])[:64]}: {MESSAGES.get(problem['type'], problem['msg'])}"
        for problem in error.errors()
    ]
    more = len(problems) - MAX_PROBLEMS
    return "; ".join(problems[:MAX_PROBLEMS]) + (f"; and {more} more" if more > 0 else "")
