"""Conditions of the account, in green and in red."""

from typing import Any

import pytest
from botocore.exceptions import ClientError, NoCredentialsError

from scripts.preconditions import account as conditions
from scripts.preconditions.condition import Condition, Deploy, Result, green, red
from stacks.config.environments import DEV, LOCAL
from stacks.config.versions import BOOTSTRAP_VERSION
from tests.unit.scripts.preconditions.conftest import Account

TOPIC = "arn:aws:sns:us-east-1:111111111111:alarms"
ADDRESS = "alice@recollect.test"


def identity(account: str) -> dict[str, str]:
    return {"Account": account, "UserId": "AIDA", "Arn": f"arn:aws:iam::{account}:user/alice"}


@pytest.mark.parametrize(
    ("signed_in_to", "result"),
    [
        ("111111111111", green("111111111111")),
        (
            "999999999999",
            red(
                "signed in to 999999999999; dev is 111111111111",
                "sign in to 111111111111, or write 999999999999 into stacks/config/environments.py",
            ),
        ),
    ],
)
def test_the_person_is_signed_in_to_the_environments_account(
    account: Account, signed_in_to: str, result: Result
) -> None:
    account.expect("sts", "get_caller_identity", identity(signed_in_to), {})
    assert account.check(conditions.caller) == result


@pytest.mark.parametrize(("plan", "state"), [("PAID", "green"), ("FREE", "red")])
def test_the_free_plan_is_red_with_the_upgrade(account: Account, plan: str, state: str) -> None:
    found = {"accountId": "111111111111", "accountPlanType": plan, "accountPlanStatus": "ACTIVE"}
    account.expect("freetier", "get_account_plan_state", found, {})
    result = account.check(conditions.plan)
    assert result.state == state
    assert ("upgrade-account-plan" in result.remedy) == (state == "red")


def test_an_account_older_than_the_plans_is_green(account: Account) -> None:
    account.refuse("freetier", "get_account_plan_state", "ResourceNotFoundException")
    assert account.check(conditions.plan).state == "green"


@pytest.mark.parametrize(
    ("version", "finding"),
    [
        (BOOTSTRAP_VERSION, f"version {BOOTSTRAP_VERSION}"),
        (BOOTSTRAP_VERSION - 1, f"version {BOOTSTRAP_VERSION - 1}; the stacks need {BOOTSTRAP_VERSION}"),
        (None, "us-east-1 is not bootstrapped"),
    ],
)
def test_a_missing_or_old_bootstrap_is_red(account: Account, version: int | None, finding: str) -> None:
    if version:
        name = "/cdk-bootstrap/hnb659fds/version"
        account.expect("ssm", "get_parameter", {"Parameter": {"Value": str(version)}}, {"Name": name})
    else:
        account.refuse("ssm", "get_parameter", "ParameterNotFound")
    result = account.check(conditions.bootstrap)
    good = version == BOOTSTRAP_VERSION
    assert result == (green(finding) if good else red(finding, "cdk bootstrap -c environments=dev"))


@pytest.mark.parametrize(
    ("state", "remedy"),
    [
        ("CREATE_FAILED", "--no-rollback"),
        ("ROLLBACK_COMPLETE", "delete-stack --stack-name dev-data"),
        ("ROLLBACK_FAILED", "When the first deploy fails"),
        ("DELETE_FAILED", "When the first deploy fails"),
        ("UPDATE_FAILED", "cdk rollback 'dev-data'"),
        ("UPDATE_ROLLBACK_FAILED", "continue-update-rollback --stack-name dev-data"),
        ("CREATE_IN_PROGRESS", "wait until it ends"),
    ],
)
def test_a_failed_stack_is_red_with_the_way_out(account: Account, state: str, remedy: str) -> None:
    account.expect_stacks(state, None)
    result = account.check(conditions.earlier_deploys)
    assert (result.state, result.finding) == ("red", f"dev-data is {state}")
    assert remedy in result.remedy


@pytest.mark.parametrize(
    ("data", "service", "finding"),
    [
        (None, None, "none: this is the first"),
        ("UPDATE_COMPLETE", None, "dev-data is UPDATE_COMPLETE"),
        ("CREATE_COMPLETE", "REVIEW_IN_PROGRESS", "dev-data is CREATE_COMPLETE, dev-service is REVIEW_IN_PROGRESS"),
    ],
)
def test_deployed_stacks_are_green(account: Account, data: str | None, service: str | None, finding: str) -> None:
    account.expect_stacks(data, service)
    assert account.check(conditions.earlier_deploys) == green(finding)


def test_a_missing_service_linked_role_is_red_with_the_command_that_makes_it(account: Account) -> None:
    role = {"Path": "/", "RoleName": "r", "RoleId": "AROA" * 4, "Arn": "arn:aws:iam::1:role/r", "CreateDate": 0}
    account.expect("iam", "get_role", {"Role": role}, {"RoleName": "AWSServiceRoleForECS"})
    account.refuse("iam", "get_role", "NoSuchEntity")
    account.expect("iam", "get_role", {"Role": role}, {"RoleName": "AWSServiceRoleForRDS"})
    assert account.check(conditions.service_linked_roles) == red(
        "none for autoscaling", "aws iam create-service-linked-role --aws-service-name autoscaling.amazonaws.com"
    )


@pytest.mark.parametrize(
    ("role", "says"), [({}, "sets one"), ({"cloudwatchRoleArn": "arn:aws:iam::1:role/x"}, "role/x")]
)
def test_it_says_which_log_role_the_deploy_replaces(account: Account, role: dict[str, Any], says: str) -> None:
    account.expect("apigateway", "get_account", role, {})
    result = account.check(conditions.api_log_role)
    assert (result.state, says in result.finding) == ("green", True)


def test_an_example_address_is_red(account: Account) -> None:
    result = account.check(conditions.alarm_address)
    assert result == red("alice@example.com is only an example", "write yours into stacks/config/environments.py")


@pytest.mark.parametrize(
    ("subscription", "state"), [("PendingConfirmation", "red"), (f"{TOPIC}:1", "green"), (None, "red")]
)
def test_an_alarm_address_that_has_not_confirmed_is_red(account: Account, subscription: str | None, state: str) -> None:
    name = "/interaction-tracker/dev/alarm-topic-arn"
    account.expect("ssm", "get_parameter", {"Parameter": {"Value": TOPIC}}, {"Name": name})
    found = [{"Endpoint": ADDRESS, "SubscriptionArn": subscription}] if subscription else []
    account.expect("sns", "list_subscriptions_by_topic", {"Subscriptions": found}, {"TopicArn": TOPIC})
    assert account.check(conditions.alarm_address, alarm_email=ADDRESS).state == state


def test_before_the_first_deploy_a_real_address_is_green(account: Account) -> None:
    account.refuse("ssm", "get_parameter", "ParameterNotFound")
    assert account.check(conditions.alarm_address, alarm_email=ADDRESS).state == "green"
    assert account.check(conditions.alarm_address, alarm_email=None) == green("none: alarms are only shown")


def test_a_local_endpoint_needs_neither_plan_nor_roles(account: Account) -> None:
    assert account.check(conditions.plan, LOCAL) == green("a local endpoint has none")
    assert account.check(conditions.service_linked_roles, LOCAL) == green("none needed")


@pytest.mark.parametrize(
    ("code", "says"),
    [("AccessDenied", "needs the right to sts:GetCallerIdentity"), ("Throttling", "run preflight again")],
)
def test_what_aws_does_not_answer_is_unknown(account: Account, code: str, says: str) -> None:
    account.refuse("sts", "get_caller_identity", code)
    result = account.check(conditions.caller)
    assert (result.state, result.remedy) == ("unknown", says)


def test_credentials_that_are_missing_or_stale_are_no_condition(account: Account) -> None:
    account.refuse("sts", "get_caller_identity", "ExpiredToken")
    with pytest.raises(ClientError):
        account.check(conditions.caller)

    def ask(_: Deploy) -> Result:
        raise NoCredentialsError

    with pytest.raises(NoCredentialsError):
        Condition("any", (), ask).check(Deploy(account, DEV))
