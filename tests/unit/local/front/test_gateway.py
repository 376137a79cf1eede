"""What the front does instead of API Gateway."""

import base64
import gzip
import json
import zlib
from collections.abc import Callable

import pytest

from local.front import gateway
from local.front.gateway import Api, GatewayError

CORS = {"gatewayresponse.header.Access-Control-Allow-Origin": "'*'"}


def own(message: str) -> dict[str, object]:
    return {"responseParameters": CORS, "responseTemplates": {"application/json": message}}


API = Api(
    {
        "paths": {"/interaction": {"post": {"security": [{"users": []}]}}, "/event/{event_id}": {"get": {}}},
        "x-amazon-apigateway-gateway-responses": {
            "DEFAULT_4XX": own("4"),
            "DEFAULT_5XX": own("5"),
            "MISSING_AUTHENTICATION_TOKEN": own("no route") | {"statusCode": "404"},
        },
    }
)


def token(use: str) -> str:
    payload = base64.urlsafe_b64encode(json.dumps({"token_use": use}).encode()).decode().rstrip("=")
    return f"head.{payload}.signature"


@pytest.mark.parametrize("path", ["/", "/interactions", "/interaction/", "/event/", "/event/1/2", "/Interaction"])
def test_a_path_that_no_route_has_is_api_gateways_to_answer(path: str) -> None:
    with pytest.raises(GatewayError, match="MISSING_AUTHENTICATION_TOKEN"):
        API.method(path, "POST")


@pytest.mark.parametrize("path", ["/event/..", "/event/.", "/event/../.."])
def test_a_path_does_not_climb_out_of_the_api(path: str) -> None:
    with pytest.raises(GatewayError, match="MISSING_AUTHENTICATION_TOKEN"):
        API.method(path, "GET")


def test_a_route_is_found_by_its_path_and_its_method() -> None:
    assert API.method("/event/92074329", "GET") == {}
    assert API.method("/event/..9", "GET") == {}
    with pytest.raises(GatewayError):
        API.method("/interaction", "GET")


@pytest.mark.parametrize(
    ("kind", "status", "body"),
    [
        ("MISSING_AUTHENTICATION_TOKEN", 404, b"no route"),
        ("REQUEST_TOO_LARGE", 413, b"4"),
        ("INTEGRATION_TIMEOUT", 504, b"5"),
    ],
)
def test_its_own_answers_are_the_definitions_and_a_page_can_read_them(kind: str, status: int, body: bytes) -> None:
    answer = API.own_answer(kind)
    assert (answer.status, answer.body) == (status, body)
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_an_error_that_no_page_can_read_is_the_endpoints_own() -> None:
    assert gateway.is_shapeless(500, {"content-type": "application/json"})
    assert not gateway.is_shapeless(503, {"access-control-allow-origin": "*"})
    assert not gateway.is_shapeless(200, {})


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress])
def test_a_packed_body_is_unpacked(pack: Callable[[bytes], bytes]) -> None:
    encoding = "gzip" if pack is gzip.compress else "deflate"
    assert gateway.unpack(pack(b'{"kind": "recall"}'), encoding) == b'{"kind": "recall"}'


@pytest.mark.parametrize("encoding", ["", "identity"])
def test_a_body_that_is_not_packed_stays_as_it_is(encoding: str) -> None:
    assert gateway.unpack(b"plain", encoding) == b"plain"


def test_a_body_that_unpacks_to_more_than_the_quota_is_too_large() -> None:
    bomb = gzip.compress(bytes(gateway.MAX_BODY_BYTES * 20))
    with pytest.raises(GatewayError, match="REQUEST_TOO_LARGE"):
        gateway.unpack(bomb, "gzip")
    assert len(gateway.unpack(gzip.compress(bytes(gateway.MAX_BODY_BYTES)), "gzip")) == gateway.MAX_BODY_BYTES


@pytest.mark.parametrize(
    ("body", "encoding"),
    [(b"", "gzip"), (b"plain", "gzip"), (gzip.compress(b"whole")[:-9], "gzip"), (b"plain", "br"), (b"", "gzip, gzip")],
)
def test_a_body_that_is_not_packed_as_it_says_or_in_another_way_is_wrong(body: bytes, encoding: str) -> None:
    with pytest.raises(GatewayError, match="UNSUPPORTED_MEDIA_TYPE"):
        gateway.unpack(body, encoding)


DEEP = f"Bearer a.{base64.urlsafe_b64encode(b'[' * 20_000).decode()}.c"


@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Bearer a.b.c", token("access"), "a.bnVsbA.c", DEEP])
def test_what_is_no_id_token_is_refused(authorization: str | None) -> None:
    with pytest.raises(GatewayError, match="UNAUTHORIZED"):
        gateway.check_token(API.method("/interaction", "POST"), authorization)


@pytest.mark.parametrize("authorization", [token("id"), "Bearer " + token("id")])
def test_an_id_token_goes_on_to_the_authorizer(authorization: str) -> None:
    gateway.check_token(API.method("/interaction", "POST"), authorization)


def test_a_route_without_an_authorizer_needs_no_token() -> None:
    gateway.check_token(API.method("/event/1", "GET"), None)
