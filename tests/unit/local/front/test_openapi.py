"""The API's documentation is current, valid and shows what is really sent and answered."""

import asyncio
import contextlib
import copy
import json
import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import pytest_socket
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from starlette.applications import Starlette

from chalicelib.api.payload import parse, read_batch
from chalicelib.api.strict_json import RefusedError
from local.front import docs_page
from local.front.docs_page import DOCUMENT
from local.front.openapi import PAGE, document, text
from local.front.openapi_examples import BATCH, PEEL, RECALL, STATUS
from tests.openapi_changes import RELEASED, breaking
from tests.samples import ALICE, NOW

Json = dict[str, Any]


def test_the_checked_in_files_are_current() -> None:
    """If not: `make openapi`."""
    assert DOCUMENT.read_text(encoding="utf-8") == text()
    assert PAGE.read_text(encoding="utf-8") == docs_page.page(document(), assets="../node_modules/swagger-ui-dist")


def test_the_document_is_valid_openapi_and_a_planted_error_is_found() -> None:
    assert list(OpenAPIV31SpecValidator(document()).iter_errors()) == []
    wrong = document()
    del wrong["paths"]["/interaction"]["post"]["responses"]["200"]["description"]
    assert list(OpenAPIV31SpecValidator(wrong).iter_errors())


def test_every_route_of_the_app_is_documented() -> None:
    import app  # noqa: PLC0415  not when tests are collected: infra tests have another module of this name

    routes = {(path, method) for path, methods in app.app.routes.items() for method in methods}
    assert {(path, method.upper()) for path, methods in document()["paths"].items() for method in methods} == routes


@pytest.mark.parametrize("example", [RECALL, PEEL, *BATCH["interactions"]])
def test_examples_of_interactions_are_accepted(example: Json) -> None:
    assert parse(json.dumps(example).encode(), user_id=ALICE, now=NOW).event_id


@pytest.mark.parametrize(
    ("changed", "valid"),
    [
        ({}, True),
        ({"kind": "peel"}, False),  # an artifact is missing
        ({"kind": "peel", "artifact_id": None}, False),
        ({"kind": "peel", "artifact_id": "a"}, True),
        ({"timestamp": "2026-05-01T12:00:00Z", "metadata": None, "event_id": None, "artifact_id": None}, True),
        ({"timestamp": True}, False),
        ({"event_id": 7}, False),
        ({"metadata": []}, False),
        ({"more": 1}, False),
    ],
)
def test_the_schema_takes_what_the_api_takes(changed: Json, *, valid: bool) -> None:
    schemas = document()["components"]["schemas"]
    schema = schemas["PostPayload"] | {"$defs": schemas}
    text = json.dumps(schema).replace("#/components/schemas/", "#/$defs/")
    body = RECALL | changed
    assert OAS31Validator(json.loads(text)).is_valid(body) is valid
    with contextlib.nullcontext() if valid else pytest.raises(RefusedError):
        parse(json.dumps(body).encode(), user_id=ALICE, now=NOW)


def test_the_examples_of_a_batch_and_of_an_event_fit_each_other() -> None:
    assert read_batch(json.dumps(BATCH).encode()) == BATCH["interactions"]
    assert STATUS.event_id == PEEL["event_id"]
    assert {one.kind for one in STATUS.interactions} == {one["kind"] for one in BATCH["interactions"]}


def test_nothing_breaks_a_client_of_the_release_before() -> None:
    """If a breaking change is wanted: tests/openapi_changes.py, and an entry in CHANGELOG.md."""
    assert breaking(json.loads(RELEASED.read_text(encoding="utf-8")), document()) == []


def schema(changed: Json, name: str) -> Any:
    return changed["components"]["schemas"][name]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda new: new["paths"].pop("/event/{event_id}"), "GET /event/{event_id}: removed"),
        (lambda new: new["paths"]["/interaction"]["post"]["responses"].pop("400"), "POST /interaction, 400: removed"),
        (
            lambda new: schema(new, "PostPayload")["required"].append("event_id"),
            "POST /interaction, body.event_id: now required",
        ),
        (lambda new: schema(new, "Kind")["enum"].remove("keep"), "POST /interaction, body.kind: keep no longer taken"),
        (
            lambda new: schema(new, "PostPayload")["properties"].pop("metadata"),
            "POST /interaction, body.metadata: removed",
        ),
        (
            lambda new: schema(new, "PostPayload")["properties"]["timestamp"].update(anyOf=[{"type": "number"}]),
            "POST /interaction, body.timestamp: string no longer taken",
        ),
        (
            lambda new: schema(new, "BatchPayload")["properties"]["interactions"].update(maxItems=50),
            "POST /interactions, body.interactions: maxItems is now 50",
        ),
        (
            lambda new: schema(new, "PostResponse")["properties"]["status"]["enum"].append("later"),
            "POST /interactions, 200.results[].status: later is new",
        ),
        (
            lambda new: schema(new, "BatchResponse")["required"].remove("results"),
            "POST /interactions, 200.results: may be absent now",
        ),
        (
            lambda new: schema(new, "EventStatus")["properties"].pop("time"),
            "GET /event/{event_id}, 200.time: removed",
        ),
    ],
)
def test_a_breaking_change_is_told(change: Callable[[Json], Any], told: str) -> None:
    new = copy.deepcopy(document())
    change(new)
    assert told in breaking(document(), new)


def test_what_a_client_need_not_know_breaks_nothing() -> None:
    new = copy.deepcopy(document())
    new["paths"]["/more"] = {}
    schema(new, "Kind")["enum"].append("share")
    schema(new, "PostPayload")["properties"]["more"] = {"type": "string"}
    schema(new, "EventStatus")["properties"]["more_still"] = {"type": "string"}
    schema(new, "EventStatus")["required"].append("more_still")
    assert breaking(document(), new) == []


def get(path: str) -> httpx.Response:
    async def ask() -> httpx.Response:
        front = httpx.ASGITransport(Starlette(routes=docs_page.routes()))
        async with httpx.AsyncClient(transport=front, base_url="http://localhost") as client:
            return await client.get(path)

    pytest_socket.enable_socket()  # asyncio wakes itself by a pair of sockets
    return asyncio.run(ask())


def test_the_front_shows_the_document_with_files_of_its_own_only() -> None:
    page = get("/docs")
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'self'")
    assert policy.endswith("frame-ancestors 'none'")
    named = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert named == ["/docs/swagger-ui.css", "/docs/swagger-ui-bundle.js"]
    assert [get(one).status_code for one in named] == [200, 200]
    assert '"servers": [{"url": "/"}]' in page.text
    assert get("/docs/openapi.json").json() == document()
    for other in ("nothing", "index.html", "swagger-initializer.js"):  # that one loads a document from the internet
        assert get(f"/docs/{other}").status_code == 404
