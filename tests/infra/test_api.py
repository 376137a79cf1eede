"""The API: who gets in, and how API Gateway's own answers look."""

import json
from typing import Any

import pytest

from tests.infra.template import Template

REST_API = "AWS::ApiGateway::RestApi"
RETRY = {"THROTTLED", "QUOTA_EXCEEDED", "DEFAULT_5XX"}
CODES = {
    "UNAUTHORIZED": "401",
    "ACCESS_DENIED": "403",
    "MISSING_AUTHENTICATION_TOKEN": "404",
    "REQUEST_TOO_LARGE": "413",
    "UNSUPPORTED_MEDIA_TYPE": "415",
    "THROTTLED": "429",
    "QUOTA_EXCEEDED": "429",
}


@pytest.fixture
def definition(service: Template) -> dict[str, Any]:
    """Read the API's OpenAPI document."""
    _, api = service.one(REST_API)
    body: dict[str, Any] = api["Properties"]["Body"]
    return body


@pytest.fixture
def responses(definition: dict[str, Any]) -> dict[str, Any]:
    """Read API Gateway's own answers, by type."""
    found: dict[str, Any] = definition["x-amazon-apigateway-gateway-responses"]
    return found


def test_posting_needs_a_token_of_our_pool(definition: dict[str, Any], service: Template) -> None:
    assert definition["paths"]["/interaction"]["post"]["security"] == [{"users": []}]
    authorizer = definition["securityDefinitions"]["users"]["x-amazon-apigateway-authorizer"]
    assert authorizer["type"] == "cognito_user_pools"
    assert [service.plain(arn) for arn in authorizer["providerARNs"]] == ["/interaction-tracker/local/user-pool-arn"]


def test_only_a_preflight_gets_in_without_a_token(definition: dict[str, Any]) -> None:
    open_ = [
        (path, method)
        for path, methods in definition["paths"].items()
        for method, operation in methods.items()
        if not operation.get("security")
    ]
    assert open_ == [("/interaction", "options")]


def test_the_api_has_one_stage_in_one_region(service: Template) -> None:
    _, api = service.one(REST_API)
    assert api["Properties"]["EndpointConfiguration"] == {"Types": ["REGIONAL"]}
    _, stage = service.one("AWS::ApiGateway::Stage")
    assert stage["Properties"]["StageName"] == "api"


def test_only_our_api_may_call_its_function(service: Template) -> None:
    _, permission = service.one("AWS::Lambda::Permission", starting="Api")
    assert permission["Properties"]["FunctionName"] == {"Ref": "APIHandler"}
    api, _ = service.one(REST_API)
    assert f":{api}/*" in service.plain(permission["Properties"]["SourceArn"])


def test_answers_without_our_function_have_the_shape_of_ours(responses: dict[str, Any]) -> None:
    for kind, response in responses.items():
        body = json.loads(response["responseTemplates"]["application/json"])
        assert set(body) == {"status", "message", "event_id"}
        assert body["status"] == ("retry" if kind in RETRY else "error")
        assert body["message"]
        assert body["event_id"] is None


def test_answers_without_our_function_have_the_codes_of_the_contract(responses: dict[str, Any]) -> None:
    assert {kind: responses[kind]["statusCode"] for kind in CODES} == CODES
    assert "statusCode" not in responses["DEFAULT_4XX"]
    assert "statusCode" not in responses["DEFAULT_5XX"]


def test_a_page_can_read_every_answer_without_our_function(responses: dict[str, Any]) -> None:
    for kind, response in responses.items():
        headers = response["responseParameters"]
        assert headers["gatewayresponse.header.Access-Control-Allow-Origin"] == "'*'", kind
        assert ("gatewayresponse.header.Retry-After" in headers) == (kind in RETRY), kind


def test_the_local_endpoint_finds_the_same_answers_as_resources(service: Template, responses: dict[str, Any]) -> None:
    resources = service.of_type("AWS::ApiGateway::GatewayResponse")
    assert {
        resource["Properties"]["ResponseType"]: {
            "statusCode": resource["Properties"].get("StatusCode"),
            "responseParameters": resource["Properties"]["ResponseParameters"],
            "responseTemplates": resource["Properties"]["ResponseTemplates"],
        }
        for resource in resources.values()
    } == {kind: {"statusCode": None, **response} for kind, response in responses.items()}
    # A deployment is a snapshot of what is there.
    _, deployment = service.one("AWS::ApiGateway::Deployment")
    assert set(resources) <= set(deployment["DependsOn"])
