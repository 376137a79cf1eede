"""A web application firewall: no single client can use up the throttle that all share."""

import json
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_logs as logs
from aws_cdk import aws_wafv2 as waf
from constructs import Construct

from stacks.common.names import display_name
from stacks.common.retention import log_retention, removal_policy
from stacks.config.environment import Environment

_WINDOW_SECONDS: Final = 60  # over which requests are counted
_MAX_PER_TOKEN: Final = 600  # requests in a window, ten a second; a person can have several tokens
# Requests in a window: for an office behind one address, and for a client without a token.
_MAX_PER_ADDRESS: Final = 6000
_BODY_KEY: Final = "too_many"


class Firewall(Construct):
    """Answers 429 to a client that sends too much: by the header with the token, and by address."""

    def __init__(self, scope: Construct, id_: str, *, api: apigateway.SpecRestApi, environment: Environment) -> None:
        super().__init__(scope, id_)
        key = waf.CfnWebACL.RateBasedStatementCustomKeyProperty(
            header=waf.CfnWebACL.RateLimitHeaderProperty(
                name="authorization",
                text_transformations=[waf.CfnWebACL.TextTransformationProperty(priority=0, type="NONE")],
            )
        )
        per_token = waf.CfnWebACL.RateBasedStatementProperty(
            aggregate_key_type="CUSTOM_KEYS",
            custom_keys=[key],
            limit=_MAX_PER_TOKEN,
            evaluation_window_sec=_WINDOW_SECONDS,
        )
        per_address = waf.CfnWebACL.RateBasedStatementProperty(
            aggregate_key_type="IP", limit=_MAX_PER_ADDRESS, evaluation_window_sec=_WINDOW_SECONDS
        )
        message = "too many requests; post the same body again in a minute"
        acl = waf.CfnWebACL(
            self,
            "Acl",
            scope="REGIONAL",
            default_action=waf.CfnWebACL.DefaultActionProperty(allow={}),
            visibility_config=_visibility("all"),
            custom_response_bodies={
                _BODY_KEY: waf.CfnWebACL.CustomResponseBodyProperty(
                    content_type="APPLICATION_JSON",
                    content=json.dumps({"status": "retry", "message": message, "event_id": None}),
                )
            },
            rules=[
                _rule(0, "per-token", per_token, environment),
                _rule(1, "per-address", per_address, environment),
            ],
        )
        self.acl = acl
        stage = api.deployment_stage
        waf.CfnWebACLAssociation(self, "Association", resource_arn=stage.stage_arn, web_acl_arn=acl.attr_arn)
        self._log_refusals(environment)

    def _log_refusals(self, environment: Environment) -> None:
        """Log what is blocked, without tokens; the access log has what passes."""
        log = logs.LogGroup(
            self,
            "Log",
            # WAF writes only into log groups whose name begins so.
            log_group_name=f"aws-waf-logs-{display_name(environment.name)}",
            retention=log_retention(environment),
            removal_policy=removal_policy(environment),
        )
        waf.CfnLoggingConfiguration(
            self,
            "Logging",
            resource_arn=self.acl.attr_arn,
            log_destination_configs=[
                cdk.Stack.of(self).format_arn(
                    service="logs",
                    resource="log-group",
                    resource_name=log.log_group_name,
                    arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
                )
            ],
            redacted_fields=[waf.CfnLoggingConfiguration.FieldToMatchProperty(single_header={"Name": "authorization"})],
            logging_filter={
                "DefaultBehavior": "DROP",
                "Filters": [
                    {
                        "Behavior": "KEEP",
                        "Requirement": "MEETS_ANY",
                        "Conditions": [{"ActionCondition": {"Action": "BLOCK"}}],
                    }
                ],
            },
        )


def _rule(
    priority: int, name: str, rate: waf.CfnWebACL.RateBasedStatementProperty, environment: Environment
) -> waf.CfnWebACL.RuleProperty:
    headers = {
        "Access-Control-Allow-Origin": environment.cors_origin,
        "Access-Control-Expose-Headers": "Retry-After",
        "Retry-After": str(_WINDOW_SECONDS),
    }
    answer = waf.CfnWebACL.CustomResponseProperty(
        response_code=429,
        custom_response_body_key=_BODY_KEY,
        response_headers=[waf.CfnWebACL.CustomHTTPHeaderProperty(name=n, value=v) for n, v in headers.items()],
    )
    return waf.CfnWebACL.RuleProperty(
        name=name,
        priority=priority,
        statement=waf.CfnWebACL.StatementProperty(rate_based_statement=rate),
        action=waf.CfnWebACL.RuleActionProperty(block=waf.CfnWebACL.BlockActionProperty(custom_response=answer)),
        visibility_config=_visibility(name),
    )


def _visibility(name: str) -> waf.CfnWebACL.VisibilityConfigProperty:
    return waf.CfnWebACL.VisibilityConfigProperty(
        cloud_watch_metrics_enabled=True,
        metric_name=display_name(name),
        sampled_requests_enabled=False,  # samples would contain tokens
    )
