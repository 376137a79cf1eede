"""What API Gateway does on AWS and the local endpoint does not: all of it is here, each part with its reason.

The answers come from the deployed API's own definition, so what a page sees here is what the template says.
"""

import base64
import json
import re
import zlib
from collections.abc import Container, Mapping
from http import HTTPStatus
from typing import Any, Final, NamedTuple

# API Gateway's quota for a request's body. The function's own bound, far below, is the contract's.
MAX_BODY_BYTES: Final = 10 * 1024**2
INTEGRATION_SECONDS: Final = 29  # as long as API Gateway waits for a function
# API Gateway's own answers and its status for each, where the definition names none.
_STATUS: Final = {
    "UNAUTHORIZED": HTTPStatus.UNAUTHORIZED,
    "MISSING_AUTHENTICATION_TOKEN": HTTPStatus.FORBIDDEN,  # its name for: no such route
    "REQUEST_TOO_LARGE": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "UNSUPPORTED_MEDIA_TYPE": HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    "INTEGRATION_FAILURE": HTTPStatus.GATEWAY_TIMEOUT,
    "INTEGRATION_TIMEOUT": HTTPStatus.GATEWAY_TIMEOUT,
}
# A parameter of a path. Not "." or "..", which would lead out of the API's own part of the endpoint.
_SEGMENT: Final = r"(?!\.{1,2}(?:/|$))[^/]+"
_WINDOW_BITS: Final = {"gzip": 31, "deflate": 15}  # zlib's codes for the two formats


class Answer(NamedTuple):
    """A finished answer."""

    status: int
    headers: dict[str, str]
    body: bytes


class GatewayError(Exception):
    """API Gateway answers by itself; `kind` is its name for the case."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class Api:
    """The deployed API, by its OpenAPI definition as the template has it."""

    def __init__(self, definition: Mapping[str, Any]) -> None:
        self._responses = definition["x-amazon-apigateway-gateway-responses"]
        self._paths = {
            re.compile(re.sub(r"\\{\w+\\}", lambda _: _SEGMENT, re.escape(path))): methods
            for path, methods in definition["paths"].items()
        }

    def method(self, path: str, verb: str) -> Mapping[str, Any]:
        """Return a route's definition. The local endpoint's answer to an unknown one has no CORS headers."""
        for pattern, methods in self._paths.items():
            if pattern.fullmatch(path) and verb.lower() in methods:
                return dict(methods[verb.lower()])
        raise GatewayError("MISSING_AUTHENTICATION_TOKEN")

    def own_answer(self, kind: str) -> Answer:
        """Return API Gateway's own answer for the case, as the definition shapes it."""
        default = "DEFAULT_5XX" if _STATUS[kind] >= HTTPStatus.INTERNAL_SERVER_ERROR else "DEFAULT_4XX"
        response = self._responses.get(kind) or self._responses[default]
        headers = _literals(response["responseParameters"], "gatewayresponse.header.")
        body = response["responseTemplates"]["application/json"].encode()
        status = int(response.get("statusCode") or _STATUS[kind])
        return Answer(status, headers | {"content-type": "application/json"}, body)


def preflight(method: Mapping[str, Any]) -> Answer:
    """Answer OPTIONS from its mock integration: the local endpoint forgets the headers that a browser asks for."""
    response = method["x-amazon-apigateway-integration"]["responses"]["default"]
    return Answer(
        int(response["statusCode"]), _literals(response["responseParameters"], "method.response.header."), b""
    )


def check_token(method: Mapping[str, Any], authorization: str | None) -> None:
    """Refuse what is no ID token: the local endpoint takes access tokens, and a Cognito authorizer does not.

    Whether the token is genuine is checked behind this, by the authorizer.
    """
    if method.get("security") and claims_of(authorization or "").get("token_use") != "id":
        raise GatewayError("UNAUTHORIZED")


def unpack(body: bytes, encoding: str) -> bytes:
    """Return the body as the function gets it: API Gateway unpacks gzip and deflate, the local endpoint only gzip.

    A body that unpacks to more than the quota is refused, and so never held whole. So is, as the developer guide says,
    another coding, and a body that is not packed as it says.
    """
    coding = encoding.strip().lower()
    if coding in {"", "identity"}:
        return body
    if coding not in _WINDOW_BITS:
        raise GatewayError("UNSUPPORTED_MEDIA_TYPE")
    unpacker = zlib.decompressobj(_WINDOW_BITS[coding])
    try:
        unpacked = unpacker.decompress(body, MAX_BODY_BYTES + 1)
    except zlib.error:
        raise GatewayError("UNSUPPORTED_MEDIA_TYPE") from None
    if len(unpacked) > MAX_BODY_BYTES:
        raise GatewayError("REQUEST_TOO_LARGE")
    if not unpacker.eof:
        raise GatewayError("UNSUPPORTED_MEDIA_TYPE")
    return unpacked


def is_shapeless(status: int, headers: Container[str]) -> bool:
    """Tell an error of the local endpoint's own, as when a function fails or takes too long: no page can read it.

    API Gateway answers then by the definition. The function's own errors have CORS headers.
    """
    return status >= HTTPStatus.BAD_REQUEST and "access-control-allow-origin" not in headers


def claims_of(authorization: str) -> dict[str, Any]:
    """Return the claims of a token, unchecked; none of what is no token."""
    try:
        payload = authorization.removeprefix("Bearer ").split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (IndexError, ValueError, RecursionError):  # not three parts, no JSON, or nested too deep
        return {}
    return claims if isinstance(claims, dict) else {}


def _literals(parameters: Mapping[str, str], prefix: str) -> dict[str, str]:
    return {name.removeprefix(prefix): value.strip("'") for name, value in parameters.items()}
