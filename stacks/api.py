"""The REST API in front of the api function."""

from typing import Any, Final

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sam as sam
from constructs import Construct

from stacks.environment import Environment
from stacks.gateway_responses import add_gateway_responses, gateway_responses

_STAGE: Final = "api"
_ALLOWED_ORIGIN: Final = "method.response.header.Access-Control-Allow-Origin"


class Api(Construct):
    """Chalice's routes as a regional API: our users, our shape of errors, our origin."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        routes: dict[str, Any],
        handler: sam.CfnFunction,
        user_pool_arn: str,
        environment: Environment,
    ) -> None:
        super().__init__(scope, id_)
        responses = gateway_responses(cors_origin=environment.cors_origin)
        routes["x-amazon-apigateway-gateway-responses"] = responses
        _set_authorizer(routes, user_pool_arn)
        _set_preflight(routes, environment.cors_origin)
        self.rest_api = apigateway.SpecRestApi(
            self,
            "RestApi",
            api_definition=apigateway.ApiDefinition.from_inline(routes),
            endpoint_types=[apigateway.EndpointType.REGIONAL],
            deploy_options=apigateway.StageOptions(stage_name=_STAGE),
        )
        self.rest_api.node.try_remove_child("Endpoint")  # an output whose URL a local endpoint does not serve
        if environment.gateway_responses_apart:
            add_gateway_responses(self.rest_api, responses)
            cdk.Validations.of(self.rest_api).acknowledge(
                cdk.Acknowledgment(
                    id="CloudFormation-Validate::W3660",
                    reason="the definition holds the same gateway responses: an update cannot lose them",
                )
            )
        lambda_.CfnPermission(
            self,
            "Invoke",
            action="lambda:InvokeFunction",
            function_name=handler.ref,
            principal="apigateway.amazonaws.com",
            source_arn=self.rest_api.arn_for_execute_api(),
        )

    @property
    def stage_name(self) -> str:
        """The one stage."""
        return _STAGE

    def url(self, environment: Environment) -> str:
        """Where it answers, without a slash at the end."""
        return environment.api_url.format(
            api=self.rest_api.rest_api_id, stage=_STAGE, region=environment.region, suffix=cdk.Aws.URL_SUFFIX
        )


def _set_authorizer(routes: dict[str, Any], user_pool_arn: str) -> None:
    """Put the real pool where runtime/app.py has to name some."""
    scheme = routes["securityDefinitions"]["users"]
    scheme["x-amazon-apigateway-authorizer"]["providerARNs"] = [user_pool_arn]


def _set_preflight(routes: dict[str, Any], cors_origin: str) -> None:
    for path in routes["paths"].values():
        response = path["options"]["x-amazon-apigateway-integration"]["responses"]["default"]
        response["responseParameters"][_ALLOWED_ORIGIN] = f"'{cors_origin}'"
