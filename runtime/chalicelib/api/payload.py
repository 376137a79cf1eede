"""Validates the request's body field by field, with messages that a frontend developer can act on."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, WithJsonSchema, field_validator

from chalicelib.api.fields import (
    HALF_SURROGATE,
    ArtifactId,
    EventId,
    Metadata,
    Timestamp,
    number_characters,
    refusal,
    storable,
)
from chalicelib.api.strict_json import Flaw, RefusedError, check_flawless, parse_json
from chalicelib.interaction import Interaction, Kind, derive_event_id, derive_id, microseconds

MAX_BATCH = 100  # interactions in one request
MAX_PROBLEMS = 10  # named in one message
# Postgres writes 1e308 as 309 digits; 256 KiB of such numbers would be more than the graph takes.
MAX_NUMBER_CHARACTERS = 1_000_000
ARTIFACT_FORM = "must be a string of 1 to 256 characters"
BATCH_FORM = f"must be a list of 1 to {MAX_BATCH} interactions"
# By pydantic's type of error.
MESSAGES = {
    "missing": "required",
    "extra_forbidden": "unknown field",
    "enum": "must be one of " + ", ".join(Kind),
    "dict_type": "must be an object or null",
    "string_unicode": HALF_SURROGATE,
    "string_type": ARTIFACT_FORM,
    "string_too_short": ARTIFACT_FORM,
    "string_too_long": ARTIFACT_FORM,
    "list_type": BATCH_FORM,
    "too_short": BATCH_FORM,
    "too_long": BATCH_FORM,
}


def _artifact_required_by_kind(schema: dict[str, Any]) -> None:
    """Say in JSON Schema what `required_by_kind` checks."""
    schema["if"] = {"properties": {"kind": {"enum": [kind.value for kind in Kind if not kind.opens]}}}
    schema["then"] = {"properties": {"artifact_id": {"type": "string"}}, "required": ["artifact_id"]}


class PostPayload(BaseModel):
    """An interaction, as a frontend sends it."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, json_schema_extra=_artifact_required_by_kind
    )

    kind: Kind
    artifact_id: ArtifactId | None = Field(
        default=None, validate_default=True, description="The artifact; required for all kinds but recall and workspace"
    )
    event_id: EventId = Field(
        default=None, description="The event that it belongs to, any UUID; without it the service makes a new event"
    )
    metadata: Metadata = Field(default=None, description="Anything about it that can be stored, at most 64 levels deep")
    timestamp: Timestamp = Field(
        description="When it happened, between 2000 and one day from now: seconds since 1970 or, from 1e11 on,"
        " milliseconds; or ISO 8601 with an offset"
    )

    @field_validator("artifact_id")
    @classmethod
    def required_by_kind(cls, value: str | None, info: ValidationInfo) -> str | None:
        """Refuse an interaction without an artifact when its kind needs one."""
        kind = info.data.get("kind")
        if value is None and kind is not None and not kind.opens:
            raise refusal(f"required for kind '{kind}'")
        storable(value)
        return value


class BatchPayload(BaseModel):
    """Interactions that are sent together; each is judged by itself."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    interactions: Annotated[
        list[Any],
        Field(min_length=1, max_length=MAX_BATCH),
        WithJsonSchema(
            {
                "type": "array",
                "items": {"$ref": "#/components/schemas/PostPayload"},
                "minItems": 1,
                "maxItems": MAX_BATCH,
            }
        ),
    ]


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
    if number_characters(payload.metadata) > MAX_NUMBER_CHARACTERS:
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


def _message(error: ValidationError) -> str:
    problems = [
        f"{str((*problem['loc'], 'the body')[0])[:64]}: {MESSAGES.get(problem['type'], problem['msg'])}"
        for problem in error.errors()
    ]
    more = len(problems) - MAX_PROBLEMS
    return "; ".join(problems[:MAX_PROBLEMS]) + (f"; and {more} more" if more > 0 else "")
