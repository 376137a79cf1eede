"""Conditions of the account: it is the right one, prepared, and without failed stacks."""

from dataclasses import replace
from typing import Any, Final

from botocore.exceptions import ClientError

from scripts.preconditions.condition import SETTINGS, Deploy, Result, condition, green, red
from stacks.common.names import parameter_path
from stacks.config.versions import BOOTSTRAP_VERSION

_BILLING_REGION: Final = "us-east-1"  # the only one that answers for the Free Tier
_FIRST_DEPLOY_FAILED: Final = 'docs/operations.md, "When the first deploy fails"'
_BLOCKING: Final = {
    "CREATE_FAILED": "correct the cause, then run `cdk deploy --no-rollback` again: it continues",
    "ROLLBACK_COMPLETE": "aws cloudformation delete-stack --stack-name {stack}",
    "ROLLBACK_FAILED": _FIRST_DEPLOY_FAILED,
    "DELETE_FAILED": _FIRST_DEPLOY_FAILED,
    "UPDATE_FAILED": "correct the cause and deploy again, or `cdk rollback '{stack}'`",
    "UPDATE_ROLLBACK_FAILED": "aws cloudformation continue-update-rollback --stack-name {stack}",
}
_ROLES: Final = {
    "ecs": "AWSServiceRoleForECS",
    "autoscaling": "AWSServiceRoleForAutoScaling",
    "rds": "AWSServiceRoleForRDS",
}


@condition("account", "sts:GetCallerIdentity")
def caller(deploy: Deploy) -> Result:
    """Whether the person is signed in to the environment's account."""
    account = deploy.target.client("sts").get_caller_identity()["Account"]
    name, wanted = deploy.environment.name, deploy.environment.account
    if account != wanted:
        return red(
            f"signed in to {account}; {name} is {wanted}", f"sign in to {wanted}, or write {account} into {SETTINGS}"
        )
    return green(account)


@condition("plan", "freetier:GetAccountPlanState")
def plan(deploy: Deploy) -> Result:
    """Whether the account's plan allows backups of some days and instances of these types."""
    if deploy.environment.local_endpoint:
        return green("a local endpoint has none")
    try:
        state = replace(deploy.target, region=_BILLING_REGION).client("freetier").get_account_plan_state()
    except ClientError as error:
        if error.response["Error"]["Code"] == "ResourceNotFoundException":
            return green("an account older than the plans")
        raise
    if state["accountPlanType"] != "PAID":
        return red(
            "the Free plan refuses backups of several days and most instance types",
            f"aws freetier upgrade-account-plan --account-plan-type PAID --region {_BILLING_REGION}",
        )
    return green("Paid plan")


@condition("bootstrap", "ssm:GetParameter")
def bootstrap(deploy: Deploy) -> Result:
    """Whether `cdk bootstrap` has prepared account and region, recently enough."""
    remedy = f"cdk bootstrap -c environments={deploy.environment.name}"
    ssm = deploy.target.client("ssm")
    try:
        version = int(ssm.get_parameter(Name="/cdk-bootstrap/hnb659fds/version")["Parameter"]["Value"])
    except ssm.exceptions.ParameterNotFound:
        return red(f"{deploy.target.region} is not bootstrapped", remedy)
    if version < BOOTSTRAP_VERSION:
        return red(f"version {version}; the stacks need {BOOTSTRAP_VERSION}", remedy)
    return green(f"version {version}")


@condition("earlier deploys", "cloudformation:DescribeStacks")
def earlier_deploys(deploy: Deploy) -> Result:
    """Whether an earlier deploy left a stack in a state that no deploy can continue from."""
    for stack, state in deploy.stack_states.items():
        if state in _BLOCKING:
            return red(f"{stack} is {state}", _BLOCKING[state].format(stack=stack))
        if state and state.endswith("_IN_PROGRESS") and state != "REVIEW_IN_PROGRESS":
            return red(f"{stack} is {state}", "wait until it ends, then run preflight again")
    made = ", ".join(f"{stack} is {state}" for stack, state in deploy.stack_states.items() if state)
    return green(made or "none: this is the first")


@condition("service-linked roles", "iam:GetRole")
def service_linked_roles(deploy: Deploy) -> Result:
    """Whether the roles exist; AWS creates them at first use, sometimes too late for CloudFormation."""
    services = [*(("ecs", "autoscaling") if deploy.graph else ()), *(("rds",) if deploy.ledgers else ())]
    iam = deploy.target.client("iam")
    missing = [service for service in services if not _has_role(iam, _ROLES[service])]
    if missing:
        return red(
            f"none for {', '.join(missing)}",
            "; ".join(f"aws iam create-service-linked-role --aws-service-name {one}.amazonaws.com" for one in missing),
        )
    return green(", ".join(services) or "none needed")


def _has_role(iam: Any, role: str) -> bool:
    try:
        iam.get_role(RoleName=role)
    except iam.exceptions.NoSuchEntityException:
        return False
    return True


@condition("API Gateway's log role", "apigateway:GET")
def api_log_role(deploy: Deploy) -> Result:
    """Which role API Gateway writes logs with; the deploy sets one for all APIs of account and region."""
    role = deploy.target.client("apigateway").get_account().get("cloudwatchRoleArn")
    if role:
        return green(f"{role}; the deploy sets its own, for all APIs of {deploy.target.region}")
    return green("the deploy sets one")


@condition("alarm address", "ssm:GetParameter", "sns:ListSubscriptionsByTopic")
def alarm_address(deploy: Deploy) -> Result:
    """Whether alarms reach somebody: the address is a real one, and has confirmed the mail of a topic that exists."""
    address = deploy.environment.alarm_email
    if address is None:
        return green("none: alarms are only shown")
    if address.rpartition("@")[2].endswith(("example.com", ".example")):
        return red(f"{address} is only an example", f"write yours into {SETTINGS}")
    ssm = deploy.target.client("ssm")
    try:
        topic = ssm.get_parameter(Name=f"/{parameter_path(deploy.environment.name)}/alarm-topic-arn")
    except ssm.exceptions.ParameterNotFound:
        return green(f"{address}: confirm the mail that comes during the deploy")
    pages = deploy.target.client("sns").get_paginator("list_subscriptions_by_topic")
    found = pages.paginate(TopicArn=topic["Parameter"]["Value"]).search("Subscriptions[]")
    if not any(one["Endpoint"] == address and one["SubscriptionArn"].startswith("arn:") for one in found):
        return red(f"{address} has not confirmed SNS' mail", "open the mail from AWS Notifications and confirm")
    return green(f"{address} has confirmed")
