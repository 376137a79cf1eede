"""The API's documentation as OpenAPI 3.1, made from the models that validate requests and write answers.

`make openapi` writes it to docs/openapi.json, and the page that shows it to docs/api.html.
"""

import json
import tomllib
from typing import Any, Final

from chalicelib.api.event_status import AGAIN, NOT_KNOWN
from chalicelib.api.payload import BatchPayload, PostPayload
from chalicelib.api.reply import BatchResponse, PostResponse
from chalicelib.api.request import MAX_BODY_BYTES
from local.front.docs_page import DOCUMENT, ROOT, page
from local.front.openapi_examples import BATCH, OK, PEEL, RECALL, RETRY, STATUS, UNSURE, WRONG
from local.front.openapi_parts import answer, body, schemas

PAGE: Final = ROOT / "docs" / "api.html"
_OVERVIEW: Final = f"""
A frontend reports what its user does with the results of a recall. An interaction that was answered "ok" will not be
lost.

**Sending again.** Sending the same body again is always safe: the answer has the same `event_id`, and nothing is stored
twice. After "retry", a network error, 429 or 5xx send the same body again, with growing pauses and some jitter, and not
before `Retry-After` seconds. After "error" do not: correct it first. After 401 sign in again; after 413 send less at
once.

**Bodies** are JSON in UTF-8 of at most {MAX_BODY_BYTES // 1024} KiB, counted unpacked, with `Content-Encoding: gzip` or
without.

**Times** in answers are ISO 8601 in UTC. Pages of other origins may read the headers `Date` and `Retry-After`.
"""


def document() -> dict[str, Any]:
    """Return the OpenAPI document."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return {
        "openapi": "3.1.0",
        "info": {"title": "Interaction tracker", "version": project["version"], "description": _OVERVIEW.strip()},
        "servers": [{"url": "http://localhost:18080", "description": "the laptop's, after `make up`"}],
        "security": [{"id_token": []}],
        "paths": {
            "/interaction": {"post": _post_interaction()},
            "/interactions": {"post": _post_interactions()},
            "/event/{event_id}": {"get": _get_event()},
        },
        "components": {
            "schemas": schemas(),
            "securitySchemes": {
                "id_token": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "An ID token of the user pool; access tokens are refused",
                }
            },
        },
    }


def _post_interaction() -> dict[str, Any]:
    return {
        "operationId": "postInteraction",
        "summary": "Send one interaction",
        "requestBody": body(PostPayload, {"a recall": RECALL, "a peel of one of its results": PEEL}),
        "responses": {
            "200": answer("Queued, and will not be lost", OK),
            "400": answer("The request is wrong; the message names every wrong field", WRONG),
            **_refusals(),
            **_failures(RETRY),
        },
    }


def _post_interactions() -> dict[str, Any]:
    some_wrong = BatchResponse(status="error", results=[OK, WRONG])
    none_queued = BatchResponse(status="retry", results=[RETRY, WRONG])
    return {
        "operationId": "postInteractions",
        "summary": "Send up to 100 interactions",
        "description": "Each has its own result, in the order in which they were sent; a wrong one holds back no other."
        " A later one may belong to an event that an earlier one starts: choose any UUID as `event_id`.",
        "requestBody": body(BatchPayload, {"a recall and a peel": BATCH}),
        "responses": {
            "200": answer(
                "Those with the result ok are queued and will not be lost",
                BatchResponse(status="ok", results=[OK, OK]),
                some_wrong,
            ),
            "400": answer(
                "The list is missing, or has none or more than 100 interactions; nothing is queued",
                PostResponse(status="error", message="interactions: must be a list of 1 to 100 interactions"),
            ),
            **_refusals(),
            **_failures(UNSURE),
            "429": answer("Too many requests, or the user's quota is used up", none_queued, UNSURE, retry_after=True),
            "503": answer("None could be queued", none_queued, retry_after=True),
        },
    }


def _get_event() -> dict[str, Any]:
    identifier = {"name": "event_id", "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}}
    again = PostResponse(status="retry", message=AGAIN)
    return {
        "operationId": "getEvent",
        "summary": "Ask what of an event has arrived",
        "description": "Only the token's user's own part of the event. What was answered ok and is not listed still"
        " waits in the queue, usually for less than a second. Ask at most once a second.",
        "parameters": [identifier],
        "responses": {
            "200": answer("What has arrived", STATUS),
            "404": answer(
                "The user has no such event; the answer is the same if another user has it",
                PostResponse(status="error", message=NOT_KNOWN),
            ),
            "401": _refusals()["401"],
            **_failures(again),
            "503": answer("It could not be read", again, retry_after=True),
        },
    }


def _refusals() -> dict[str, Any]:
    said = {
        "401": ("No valid ID token", "Authorization: needs 'Bearer' and a valid ID token; sign in again"),
        "413": ("The request is too large; nothing is queued", "the body is too large"),
        "415": ("Of a wrong media type or coding; nothing is queued", "Content-Type: must be application/json"),
    }
    return {
        code: answer(meaning, PostResponse(status="error", message=message))
        for code, (meaning, message) in said.items()
    }


def _failures(example: PostResponse) -> dict[str, Any]:
    meanings = {"429": "Too many requests", "5XX": "It failed, or the outcome is unknown"}
    return {code: answer(meaning, example, retry_after=True) for code, meaning in meanings.items()}


def main() -> None:
    """Write the document and its page."""
    DOCUMENT.write_text(text(), encoding="utf-8")
    PAGE.write_text(page(document(), assets="../node_modules/swagger-ui-dist"), encoding="utf-8")


def text() -> str:
    """Return the document as it is checked in."""
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    main()
