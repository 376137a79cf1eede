"""The REST API in front of the api function."""

import json
from typing import Any, Final

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from stacks.common.nag import acknowledge
from stacks.common.names import display_name
from stacks.common.retention import log_retention, removal_policy
from stacks.config.environment import Environment
from stacks.service.domain import add_domain
from stacks.service.firewall import Firewall
from stacks.service.function import Function
from stacks.service.gateway_responses import add_gateway_responses, gateway_responses

_STAGE: Final = "api"
# Every body reaches the function as bytes: API Gateway would replace what is not UTF-8 by U+FFFD.
_BINARY: Final = ["*/*"]
_HANDLER: Final = "APIHandler"  # Chalice's logical id
_EVENT_PATH: Final = "/event/{event_id}"
# Requests per second, and at once: they wait for the stores, and must not take the connections of the worker.
_EVENT_RATE: Final = 20
_EVENT_BURST: Final = 40
_ALLOWED_ORIGIN: Final = "method.response.header.Access-Control-Allow-Origin"
# Each request's time, route, result, reason and user id; not its sender's address, and no content.
_ACCESS: Final = {
    "request": "$context.requestId",
    "trace": "$context.xrayTraceId",
    "time": "$context.requestTime",
    "method": "$context.httpMethod",
    "path": "$context.path",
    "user": "$context.authorizer.claims.sub",
    "status": "$context.status",
    "bytes": "$context.responseLength",
    "milliseconds": "$context.responseLatency",
    "function_status": "$context.integrationStatus",
    "function_milliseconds": "$context.integrationLatency",
    "gateway_response": "$context.error.responseType",
    "firewall_status": "$context.waf.status",
}


class Api(Construct):
    """Chalice's routes as a regional API, with our user pool, gateway responses, CORS origin and domain name."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        routes: dict[str, Any],
        handler: Function,
        event_status: Function,
        user_pool_arn: str,
        environment: Environment,
    ) -> None:
        super().__init__(scope, id_)
        responses = gateway_responses(cors_origin=environment.cors_origin)
        only_own_domain = environment.domain is not None
        # In the definition, because a deployment is a snapshot of it; CDK sets some of them as properties too.
        routes["info"]["title"] = display_name(environment.name)
        routes["x-amazon-apigateway-gateway-responses"] = responses
        routes["x-amazon-apigateway-binary-media-types"] = _BINARY
        routes["x-amazon-apigateway-endpoint-configuration"] = {"disableExecuteApiEndpoint": only_own_domain}
        _set_authorizer(routes, user_pool_arn)
        _set_preflight(routes, environment.cors_origin)
        for path, methods in routes["paths"].items():
            for name in methods.keys() & {"get", "post"}:
                _integrate(methods[name], event_status if path == _EVENT_PATH else handler)
        self.rest_api = apigateway.SpecRestApi(
            self,
            "RestApi",
            rest_api_name=display_name(environment.name),
            api_definition=apigateway.ApiDefinition.from_inline(routes),
            endpoint_types=[apigateway.EndpointType.REGIONAL],
            disable_execute_api_endpoint=only_own_domain,
            binary_media_types=_BINARY,
            # A setting of the account: without it API Gateway writes no log. It is kept: other APIs may use it.
            cloud_watch_role=True,
            cloud_watch_role_removal_policy=cdk.RemovalPolicy.RETAIN,
            deploy_options=self._stage(environment),
        )
        self.rest_api.node.try_remove_child("Endpoint")  # an output whose URL is wrong on a local endpoint
        if environment.separate_gateway_responses:
            add_gateway_responses(self.rest_api, responses)
        self._acknowledge(environment)
        if environment.domain:
            add_domain(self.rest_api, environment.domain)
        if environment.waf:
            Firewall(self, "Firewall", api=self.rest_api, environment=environment)
        self._allow("Invoke", handler, self.rest_api.arn_for_execute_api())
        self._allow("InvokeEventStatus", event_status, self.rest_api.arn_for_execute_api("GET", "/event/*", _STAGE))

    def _allow(self, id_: str, function: Function, requests_arn: str) -> None:
        """Let these requests of the API invoke the function."""
        lambda_.CfnPermission(
            self,
            id_,
            action="lambda:InvokeFunction",
            function_name=cdk.Fn.ref(function.target),
            principal="apigateway.amazonaws.com",
            source_arn=requests_arn,
        )

    def _stage(self, environment: Environment) -> apigateway.StageOptions:
        log = logs.LogGroup(
            self, "AccessLog", retention=log_retention(environment), removal_policy=removal_policy(environment)
        )
        return apigateway.StageOptions(
            stage_name=_STAGE,
            access_log_destination=apigateway.LogGroupLogDestination(log),
            access_log_format=apigateway.AccessLogFormat.custom(json.dumps(_ACCESS)),
            # No execution log: it can contain bodies, and its log group never expires.
            logging_level=apigateway.MethodLoggingLevel.OFF,
            data_trace_enabled=False,
            tracing_enabled=True,
            throttling_rate_limit=environment.throttle_rate,
            throttling_burst_limit=environment.throttle_burst,
            method_options={
                f"{_EVENT_PATH}/GET": apigateway.MethodDeploymentOptions(
                    logging_level=apigateway.MethodLoggingLevel.OFF,
                    data_trace_enabled=False,
                    throttling_rate_limit=_EVENT_RATE,
                    throttling_burst_limit=_EVENT_BURST,
                )
            },
        )

    def _acknowledge(self, environment: Environment) -> None:
        stage = self.rest_api.deployment_stage
        if environment.separate_gateway_responses:
            reason = "the definition has the same gateway responses: an update cannot lose them"
            same = cdk.Acknowledgment(id="CloudFormation-Validate::W3660", reason=reason)
            cdk.Validations.of(self.rest_api).acknowledge(same)
        acknowledge(
            self.rest_api,
            "APIG2",
            because="the function validates, and its answer names every wrong field",
        )
        acknowledge(
            stage, "APIG6", because="an execution log can contain bodies and never expires; there is an access log"
        )
        if not environment.waf:
            acknowledge(stage, "APIG3", because="few people use this environment: the throttle is enough")
        acknowledge(
            self.rest_api.node.find_child("CloudWatchRole"),
            "IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs]",
            because="the policy that API Gateway requires; others create its log groups, under any name",
        )

    @property
    def stage_name(self) -> str:
        """Name of the API's only stage."""
        return _STAGE

    def url(self, environment: Environment) -> str:
        """Return the API's URL, without a slash at the end."""
        return environment.api_url.format(
            api=self.rest_api.rest_api_id, stage=_STAGE, region=environment.region, suffix=cdk.Aws.URL_SUFFIX
        )


def _set_authorizer(routes: dict[str, Any], user_pool_arn: str) -> None:
    """Replace the placeholder pool of runtime/app.py by the real one."""
    scheme = routes["securityDefinitions"]["users"]
    scheme["x-amazon-apigateway-authorizer"]["providerARNs"] = [user_pool_arn]


def _integrate(method: dict[str, Any], function: Function) -> None:
    """Have a method answered by this function, or its alias: Chalice has one function for all routes."""
    integration = method["x-amazon-apigateway-integration"]
    # The Ref of an alias is its ARN.
    arn = f"{function.target}.Arn" if function.target == function.resource.node.id else function.target
    integration["uri"] = {"Fn::Sub": integration["uri"]["Fn::Sub"].replace(f"{_HANDLER}.Arn", arn)}


def _set_preflight(routes: dict[str, Any], cors_origin: str) -> None:
    for path in routes["paths"].values():
        response = path["options"]["x-amazon-apigateway-integration"]["responses"]["default"]
        response["responseParameters"][_ALLOWED_ORIGIN] = f"'{cors_origin}'"
        response["contentHandling"] = "CONVERT_TO_TEXT"  # an empty binary answer would be a 500 (aws/chalice #1310)
