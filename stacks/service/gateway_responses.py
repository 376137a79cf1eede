"""API Gateway's own answers, given before or instead of the function's, in the shape of `PostResponse`."""

import json
from typing import Any, Final, Literal, NamedTuple

from aws_cdk import aws_apigateway as apigateway


class _Answer(NamedTuple):
    code: int | None  # None: API Gateway's own code
    status: Literal["error", "retry"]
    message: str


_NO_ROUTE: Final = "no such route: there are POST /interaction, POST /interactions and GET /event/{event_id}"
_ANSWERS: Final = {
    "DEFAULT_4XX": _Answer(None, "error", "the request is not acceptable"),
    "DEFAULT_5XX": _Answer(None, "retry", "temporary failure; post the same body again, nothing is stored twice"),
    "ACCESS_DENIED": _Answer(403, "error", "this token does not allow this request"),
    "BAD_REQUEST_BODY": _Answer(400, "error", "the body is not acceptable"),
    "EXPIRED_TOKEN": _Answer(401, "error", "the token has expired: sign in again"),
    # API Gateway uses it for unknown routes.
    "MISSING_AUTHENTICATION_TOKEN": _Answer(404, "error", _NO_ROUTE),
    "QUOTA_EXCEEDED": _Answer(429, "retry", "too many requests; post the same body again later"),
    "REQUEST_TOO_LARGE": _Answer(413, "error", "the body is too large"),
    "RESOURCE_NOT_FOUND": _Answer(404, "error", _NO_ROUTE),
    "THROTTLED": _Answer(429, "retry", "too many requests; post the same body again in a second"),
    "UNAUTHORIZED": _Answer(401, "error", "Authorization: needs 'Bearer' and a valid ID token; sign in again"),
    "UNSUPPORTED_MEDIA_TYPE": _Answer(415, "error", "Content-Type: application/json; Content-Encoding: gzip or absent"),
}


def gateway_responses(*, cors_origin: str) -> dict[str, Any]:
    """Return the answers as OpenAPI's extension wants them: readable for `cors_origin`, "retry" with Retry-After."""
    return {kind: _response(answer, cors_origin) for kind, answer in _ANSWERS.items()}


def add_gateway_responses(api: apigateway.SpecRestApi, responses: dict[str, Any]) -> None:
    """Make the same answers as resources, for an endpoint that does not read them from the definition."""
    for kind, response in responses.items():
        resource = apigateway.CfnGatewayResponse(
            api,
            kind,
            rest_api_id=api.rest_api_id,
            response_type=kind,
            status_code=response.get("statusCode"),
            response_parameters=response["responseParameters"],
            response_templates=response["responseTemplates"],
        )
        # A deployment is a snapshot: it must be made after them.
        api.node.find_child("Deployment").node.add_dependency(resource)


def _response(answer: _Answer, cors_origin: str) -> dict[str, Any]:
    headers = {
        "Access-Control-Allow-Origin": cors_origin,
        "Access-Control-Expose-Headers": "Date, Retry-After",  # without it a page cannot read those headers
    }
    if answer.status == "retry":
        headers["Retry-After"] = "1"
    body = {"status": answer.status, "message": answer.message, "event_id": None}
    return {
        **({"statusCode": str(answer.code)} if answer.code else {}),
        "responseParameters": {f"gatewayresponse.header.{name}": f"'{value}'" for name, value in headers.items()},
        "responseTemplates": {"application/json": json.dumps(body)},
    }
