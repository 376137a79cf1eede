"""The API: authorization, throttling, domain, firewall, and API Gateway's own answers."""

import json
import re
from typing import Any

import pytest

from stacks.config.environment import Environment
from tests.infra.template import Template

REST_API = "AWS::ApiGateway::RestApi"
RETRY = {"THROTTLED", "QUOTA_EXCEEDED", "DEFAULT_5XX"}
ROUTES = {"/interaction": "post", "/interactions": "post", "/event/{event_id}": "get"}
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
    """Read the gateway responses, by type."""
    found: dict[str, Any] = definition["x-amazon-apigateway-gateway-responses"]
    return found


def test_each_route_needs_a_token_of_our_user_pool(
    definition: dict[str, Any], service: Template, environment: Environment
) -> None:
    assert {path: set(methods) - {"options"} for path, methods in definition["paths"].items()} == {
        path: {method} for path, method in ROUTES.items()
    }
    for path, method in ROUTES.items():
        assert definition["paths"][path][method]["security"] == [{"users": []}]
    authorizer = definition["securityDefinitions"]["users"]["x-amazon-apigateway-authorizer"]
    assert authorizer["type"] == "cognito_user_pools"
    assert [service.plain(arn) for arn in authorizer["providerARNs"]] == [
        f"/interaction-tracker/{environment.name}/user-pool-arn"
    ]


def test_only_a_preflight_needs_no_token(definition: dict[str, Any]) -> None:
    open_ = [
        (path, method)
        for path, methods in definition["paths"].items()
        for method, operation in methods.items()
        if not operation.get("security")
    ]
    assert open_ == [(path, "options") for path in definition["paths"]]


def test_the_function_gets_bodies_as_bytes(definition: dict[str, Any], service: Template) -> None:
    _, api = service.one(REST_API)
    assert api["Properties"]["BinaryMediaTypes"] == ["*/*"]
    assert definition["x-amazon-apigateway-binary-media-types"] == ["*/*"]


@pytest.mark.parametrize("path", ROUTES)
def test_a_preflight_is_text_in_both_directions(definition: dict[str, Any], path: str) -> None:
    integration = definition["paths"][path]["options"]["x-amazon-apigateway-integration"]
    assert integration["contentHandling"] == "CONVERT_TO_TEXT"
    assert integration["responses"]["default"]["contentHandling"] == "CONVERT_TO_TEXT"


@pytest.mark.parametrize("path", ROUTES)
def test_a_preflight_allows_a_token_and_gzip_and_is_kept_as_long_as_browsers_keep_it(
    definition: dict[str, Any], environment: Environment, path: str
) -> None:
    response = definition["paths"][path]["options"]["x-amazon-apigateway-integration"]["responses"]["default"]
    headers = {
        name.removeprefix("method.response.header.Access-Control-"): value.strip("'").split(",")
        for name, value in response["responseParameters"].items()
    }
    assert {"Authorization", "Content-Type", "Content-Encoding"} <= set(headers["Allow-Headers"])
    assert set(headers["Allow-Methods"]) == {*(method.upper() for method in definition["paths"][path])}
    assert (headers["Allow-Origin"], headers["Max-Age"]) == ([environment.cors_origin], ["7200"])


def test_the_api_has_one_stage_in_one_region(service: Template) -> None:
    _, api = service.one(REST_API)
    assert api["Properties"]["EndpointConfiguration"] == {"Types": ["REGIONAL"]}
    _, stage = service.one("AWS::ApiGateway::Stage")
    assert stage["Properties"]["StageName"] == "api"


def test_only_our_api_may_call_its_functions(service: Template, environment: Environment) -> None:
    api, _ = service.one(REST_API)
    allowed = {
        permission["Properties"]["FunctionName"]["Ref"]: service.plain(permission["Properties"]["SourceArn"])
        for id_, permission in service.of_type("AWS::Lambda::Permission").items()
        if id_.startswith("Api")
    }
    assert {name: where.partition(f":{api}")[2] for name, where in allowed.items()} == {
        "APIHandlerAliaslive" if environment.snap_start else "APIHandler": "/*/*/*",
        "EventStatus": "/api/GET/event/*",
    }


def test_the_status_of_an_event_has_a_function_of_its_own(definition: dict[str, Any], environment: Environment) -> None:
    called = {
        path: definition["paths"][path][method]["x-amazon-apigateway-integration"]["uri"]["Fn::Sub"]
        for path, method in ROUTES.items()
    }
    api = "APIHandlerAliaslive" if environment.snap_start else "APIHandler.Arn"
    assert {path: re.findall(r"functions/\$\{([\w.]+)\}/", uri) for path, uri in called.items()} == {
        "/interaction": [api],
        "/interactions": [api],
        "/event/{event_id}": ["EventStatus.Arn"],
    }


def test_gateway_responses_have_the_contracts_shape(responses: dict[str, Any]) -> None:
    for kind, response in responses.items():
        body = json.loads(response["responseTemplates"]["application/json"])
        assert set(body) == {"status", "message", "event_id"}
        assert body["status"] == ("retry" if kind in RETRY else "error")
        assert body["message"]
        assert body["event_id"] is None


def test_gateway_responses_have_the_contracts_codes(responses: dict[str, Any]) -> None:
    assert {kind: responses[kind]["statusCode"] for kind in CODES} == CODES
    assert "statusCode" not in responses["DEFAULT_4XX"]
    assert "statusCode" not in responses["DEFAULT_5XX"]


def test_a_page_of_the_allowed_origin_can_read_every_gateway_response(
    responses: dict[str, Any], environment: Environment
) -> None:
    for kind, response in responses.items():
        headers = response["responseParameters"]
        assert headers["gatewayresponse.header.Access-Control-Allow-Origin"] == f"'{environment.cors_origin}'", kind
        assert ("gatewayresponse.header.Retry-After" in headers) == (kind in RETRY), kind


def test_the_local_endpoint_has_the_same_gateway_responses_as_resources(
    service: Template, responses: dict[str, Any], environment: Environment
) -> None:
    resources = service.of_type("AWS::ApiGateway::GatewayResponse")
    if not environment.separate_gateway_responses:
        assert resources == {}
        return
    assert {
        resource["Properties"]["ResponseType"]: {
            "statusCode": resource["Properties"].get("StatusCode"),
            "responseParameters": resource["Properties"]["ResponseParameters"],
            "responseTemplates": resource["Properties"]["ResponseTemplates"],
        }
        for resource in resources.values()
    } == {kind: {"statusCode": None, **response} for kind, response in responses.items()}
    # A deployment is a snapshot: the responses must be made before it.
    _, deployment = service.one("AWS::ApiGateway::Deployment")
    assert set(resources) <= set(deployment["DependsOn"])


def test_requests_are_throttled(service: Template, environment: Environment) -> None:
    _, stage = service.one("AWS::ApiGateway::Stage")
    settings = {
        (one["HttpMethod"], one["ResourcePath"]): (one["ThrottlingRateLimit"], one["ThrottlingBurstLimit"])
        for one in stage["Properties"]["MethodSettings"]
    }
    assert settings == {
        ("*", "/*"): (environment.throttle_rate, environment.throttle_burst),
        ("GET", "/~1event~1{event_id}"): (20, 40),
    }


def test_requests_are_logged_and_traced_with_the_user_id_and_without_address_or_content(service: Template) -> None:
    _, stage = service.one("AWS::ApiGateway::Stage")
    properties = stage["Properties"]
    assert properties["TracingEnabled"] is True
    logged = {(one["LoggingLevel"], one["DataTraceEnabled"]) for one in properties["MethodSettings"]}
    assert logged == {("OFF", False)}
    named = set(json.loads(properties["AccessLogSetting"]["Format"]).values())
    assert "$context.status" in named
    personal = {name for name in named if "identity" in name or "authorizer" in name or "request.header" in name}
    assert personal == {"$context.authorizer.claims.sub"}


def test_api_gateways_log_role_is_set_before_the_stage_needs_it(service: Template) -> None:
    id_, account = service.one("AWS::ApiGateway::Account")
    _, stage = service.one("AWS::ApiGateway::Stage")
    assert id_ in stage["DependsOn"]
    assert account["DeletionPolicy"] == "Retain"
    role = service.of_type("AWS::IAM::Role")[account["Properties"]["CloudWatchRoleArn"]["Fn::GetAtt"][0]]
    assert role["DeletionPolicy"] == "Retain"


def test_an_api_with_its_own_domain_has_no_other_url(
    service: Template, environment: Environment, definition: dict[str, Any]
) -> None:
    _, api = service.one(REST_API)
    closed = definition["x-amazon-apigateway-endpoint-configuration"]["disableExecuteApiEndpoint"]
    assert api["Properties"]["DisableExecuteApiEndpoint"] is closed is (environment.domain is not None)
    if environment.domain is None:
        assert service.of_type("AWS::ApiGateway::DomainName") == {}
        return
    id_, name = service.one("AWS::ApiGateway::DomainName")
    assert (name["Properties"]["DomainName"], name["Properties"]["SecurityPolicy"]) == (
        environment.domain.name,
        "TLS_1_2",
    )
    certificate, _ = service.one("AWS::CertificateManager::Certificate")
    assert name["Properties"]["RegionalCertificateArn"] == {"Ref": certificate}
    _, record = service.one("AWS::Route53::RecordSet")
    assert record["Properties"]["HostedZoneId"] == environment.domain.zone_id
    assert service.plain(record["Properties"]["AliasTarget"]["DNSName"]) == f"{id_}.RegionalDomainName"
    _, mapping = service.one("AWS::ApiGateway::BasePathMapping")
    assert "BasePath" not in mapping["Properties"]
    assert service.body["Outputs"]["ApiUrl"]["Value"] == f"https://{environment.domain.name}"


def test_where_there_is_a_firewall_one_person_cannot_use_up_the_throttle(
    service: Template, environment: Environment
) -> None:
    if not environment.waf:
        assert service.of_type("AWS::WAFv2::WebACL") == {}
        return
    acl_id, acl = service.one("AWS::WAFv2::WebACL")
    rules = {rule["Name"]: rule for rule in acl["Properties"]["Rules"]}
    rate = rules["per-token"]["Statement"]["RateBasedStatement"]
    assert [key["Header"]["Name"] for key in rate["CustomKeys"]] == ["authorization"]
    assert rate["Limit"] / rate["EvaluationWindowSec"] < environment.throttle_rate / 10
    for rule in rules.values():
        answer = rule["Action"]["Block"]["CustomResponse"]
        assert answer["ResponseCode"] == 429
        headers = {header["Name"]: header["Value"] for header in answer["ResponseHeaders"]}
        assert headers["Access-Control-Allow-Origin"] == environment.cors_origin
        assert "Retry-After" in headers
        assert rule["VisibilityConfig"]["SampledRequestsEnabled"] is False  # samples would show tokens
    body = json.loads(acl["Properties"]["CustomResponseBodies"]["too_many"]["Content"])
    assert (body["status"], body["event_id"]) == ("retry", None)
    _, association = service.one("AWS::WAFv2::WebACLAssociation")
    assert association["Properties"]["WebACLArn"] == {"Fn::GetAtt": [acl_id, "Arn"]}


def test_the_firewall_logs_what_it_blocks_and_no_token(service: Template, environment: Environment) -> None:
    if not environment.waf:
        assert service.of_type("AWS::WAFv2::LoggingConfiguration") == {}
        return
    _, logging = service.one("AWS::WAFv2::LoggingConfiguration")
    assert logging["Properties"]["RedactedFields"] == [{"SingleHeader": {"Name": "authorization"}}]
    [kept] = logging["Properties"]["LoggingFilter"]["Filters"]
    assert logging["Properties"]["LoggingFilter"]["DefaultBehavior"] == "DROP"
    assert kept["Conditions"] == [{"ActionCondition": {"Action": "BLOCK"}}]
    [destination] = logging["Properties"]["LogDestinationConfigs"]
    id_, group = service.one("AWS::Logs::LogGroup", starting="ApiFirewallLog")
    assert service.plain(destination).endswith(f":log-group:{id_}")
    assert group["Properties"]["LogGroupName"].startswith("aws-waf-logs-")


def test_cloudtrail_records_who_called_operations_used_dead_letters_or_sent_past_the_api(
    service: Template, environment: Environment
) -> None:
    if not environment.audit_days:
        assert service.of_type("AWS::CloudTrail::Trail") == {}
        return
    _, trail = service.one("AWS::CloudTrail::Trail")
    fields = [
        {
            (field["Field"], operator): service.plain(values[0])
            for field in selector["FieldSelectors"]
            for operator, values in field.items()
            if operator != "Field"
        }
        for selector in trail["Properties"]["AdvancedEventSelectors"]
    ]
    _, api = service.one("AWS::Serverless::Function", starting="APIHandler")
    role = service.plain(api["Properties"]["Role"]).removesuffix(".Arn")
    of = f"/interaction-tracker/{environment.name}"
    anything: dict[tuple[str, str], str] = {}
    sent_past_the_api = {
        ("eventName", "StartsWith"): "SendMessage",
        ("userIdentity.arn", "NotStartsWith"): f"arn:aws:sts::{environment.account}:assumed-role/{role}/",
    }
    assert fields == [
        {
            ("eventCategory", "Equals"): "Data",
            ("resources.type", "Equals"): f"AWS::{kind}",
            ("resources.ARN", "Equals"): arn,
        }
        | only
        for kind, arn, only in (
            ("Lambda::Function", "Operations.Arn", anything),
            ("SQS::Queue", f"{of}/dead-letter-queue-arn", anything),
            ("SQS::Queue", f"{of}/queue-arn", sent_past_the_api),
        )
    ]
    assert trail["Properties"]["IsLogging"] is trail["Properties"]["EnableLogFileValidation"] is True
    _, bucket = service.one("AWS::S3::Bucket", starting="AuditBucket")
    assert bucket["DeletionPolicy"] == "Retain"
    assert bucket["Properties"]["LifecycleConfiguration"]["Rules"][0]["ExpirationInDays"] == environment.audit_days
