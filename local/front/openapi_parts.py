"""The parts of the OpenAPI document: bodies, answers and schemas, from pydantic's models."""

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from chalicelib.api.event_status import EventStatus, GraphPlace, InteractionStatus
from chalicelib.api.payload import BatchPayload, PostPayload
from chalicelib.api.reply import BatchResponse, PostResponse


def body(model: type[BaseModel], examples: dict[str, Any]) -> dict[str, Any]:
    """Return a request's body, with examples by name."""
    return {"required": True, "content": {"application/json": _content(model, examples)}}


def answer(meaning: str, *examples: BaseModel, retry_after: bool = False) -> dict[str, Any]:
    """Return an answer with these examples, of one model or several."""
    named = {_name(one): one.model_dump(mode="json") for one in examples}
    models = list(dict.fromkeys(type(one) for one in examples))
    content = _content(models[0], named)
    if len(models) > 1:
        content["schema"] = {"anyOf": [_reference(model) for model in models]}
    made: dict[str, Any] = {"description": meaning, "content": {"application/json": content}}
    if retry_after:
        header = {"description": "Seconds to wait at least", "schema": {"type": "integer"}}
        made["headers"] = {"Retry-After": header}
    return made


def _content(model: type[BaseModel], examples: dict[str, Any]) -> dict[str, Any]:
    return {"schema": _reference(model), "examples": {name: {"value": value} for name, value in examples.items()}}


def _reference(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{model.__name__}"}


def _name(example: BaseModel) -> str:
    """Return the name of an example: its status, and whether it has results."""
    results = " with results" if isinstance(example, BatchResponse) else ""
    return getattr(example, "status", "an event") + results


def schemas() -> dict[str, Any]:
    """Return the schemas of all models, by name."""
    modes: dict[JsonSchemaMode, list[type[BaseModel]]] = {
        "validation": [PostPayload, BatchPayload],
        "serialization": [PostResponse, BatchResponse, EventStatus, InteractionStatus, GraphPlace],
    }
    models = [(model, mode) for mode, listed in modes.items() for model in listed]
    _, found = models_json_schema(models, ref_template="#/components/schemas/{model}")
    for schema in found["$defs"].values():
        for field in schema.get("properties", {}).values():
            field.pop("title", None)  # pydantic's: the name once more
    return dict(found["$defs"])
