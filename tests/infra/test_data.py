"""The data stack's queues, users and parameters."""

import pytest

from stacks.config.environment import Environment
from tests.infra.template import Template

SQS = "AWS::SQS::Queue"
DAY = 24 * 60 * 60


def test_logical_ids_of_queues_and_users_never_change(data: Template) -> None:
    # With another id CloudFormation would make an empty resource and drop the one with the data.
    assert set(data.of_type(SQS)) == {"InteractionsSource89F59689", "InteractionsDeadLetters3BF8A3CC"}
    assert set(data.of_type("AWS::Cognito::UserPool")) == {"UsersPoolBFC35D3B"}
    assert set(data.of_type("AWS::Cognito::UserPoolClient")) == {"UsersPoolFrontends24EA6F68"}


def test_a_message_stays_hidden_for_six_worker_timeouts(data: Template, service: Template) -> None:
    _, source = data.one(SQS, starting="InteractionsSource")
    _, worker = service.one("AWS::Serverless::Function", starting="Worker")
    assert source["Properties"]["VisibilityTimeout"] >= 6 * worker["Properties"]["Timeout"]


def test_a_message_is_retried_for_the_longest_postgres_outage(data: Template, environment: Environment) -> None:
    _, source = data.one(SQS, starting="InteractionsSource")
    dead_letters, _ = data.one(SQS, starting="InteractionsDeadLetters")
    redrive = source["Properties"]["RedrivePolicy"]
    assert data.plain(redrive["deadLetterTargetArn"]) == f"{dead_letters}.Arn"
    tried_for = redrive["maxReceiveCount"] * source["Properties"]["VisibilityTimeout"]
    assert environment.postgres_outage_seconds <= tried_for < source["Properties"]["MessageRetentionPeriod"]


def test_dead_letters_are_kept_longer_than_waiting_messages(data: Template) -> None:
    _, source = data.one(SQS, starting="InteractionsSource")
    _, dead_letters = data.one(SQS, starting="InteractionsDeadLetters")
    kept, waits = (queue["Properties"]["MessageRetentionPeriod"] for queue in (dead_letters, source))
    assert kept == 14 * DAY
    assert kept - waits >= 7 * DAY


@pytest.mark.parametrize("queue", ["InteractionsSource", "InteractionsDeadLetters"])
def test_a_queue_is_encrypted_and_requires_tls(data: Template, queue: str) -> None:
    id_, resource = data.one(SQS, starting=queue)
    assert resource["Properties"]["SqsManagedSseEnabled"] is True
    _, policy = data.one("AWS::SQS::QueuePolicy", starting=queue)
    assert policy["Properties"]["Queues"] == [{"Ref": id_}]
    (statement,) = policy["Properties"]["PolicyDocument"]["Statement"]
    assert statement["Effect"] == "Deny"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert statement["Principal"] == {"AWS": "*"}


def test_one_dead_letter_raises_the_alarm(data: Template) -> None:
    id_, _ = data.one(SQS, starting="InteractionsDeadLetters")
    _, alarm = data.one("AWS::CloudWatch::Alarm", starting="InteractionsDeadLetter")
    properties = alarm["Properties"]
    assert properties["MetricName"] == "ApproximateNumberOfMessagesVisible"
    assert [(d["Name"], data.plain(d["Value"])) for d in properties["Dimensions"]] == [
        ("QueueName", f"{id_}.QueueName")
    ]
    assert (properties["Threshold"], properties["ComparisonOperator"]) == (0, "GreaterThanThreshold")
    assert (properties["Statistic"], properties["EvaluationPeriods"]) == ("Maximum", 1)
    assert properties["TreatMissingData"] == "notBreaching"


def test_only_operators_create_users(data: Template) -> None:
    _, pool = data.one("AWS::Cognito::UserPool")
    assert pool["Properties"]["AdminCreateUserConfig"]["AllowAdminCreateUserOnly"] is True
    assert pool["Properties"]["Policies"]["PasswordPolicy"]["MinimumLength"] >= 12


def test_a_user_cannot_take_another_persons_e_mail_address(data: Template) -> None:
    _, pool = data.one("AWS::Cognito::UserPool")
    kept = pool["Properties"]["UserAttributeUpdateSettings"]["AttributesRequireVerificationBeforeUpdate"]
    # AWS takes the first only with the second.
    assert (kept, pool["Properties"]["AutoVerifiedAttributes"]) == (["email"], ["email"])
    _, client = data.one("AWS::Cognito::UserPoolClient")
    # AWS refuses a client that may not write what the pool requires.
    required = [one["Name"] for one in pool["Properties"]["Schema"] if one["Required"]]
    assert client["Properties"]["WriteAttributes"] == required == ["email"]


def test_users_sign_in_by_e_mail_address_in_any_case(data: Template) -> None:
    _, pool = data.one("AWS::Cognito::UserPool")
    assert pool["Properties"]["UsernameAttributes"] == ["email"]
    assert pool["Properties"]["UsernameConfiguration"] == {"CaseSensitive": False}


def test_a_sign_in_lasts_an_hour_and_does_not_reveal_accounts(data: Template) -> None:
    _, client = data.one("AWS::Cognito::UserPoolClient")
    properties = client["Properties"]
    assert properties["PreventUserExistenceErrors"] == "ENABLED"
    assert (properties["IdTokenValidity"], properties["TokenValidityUnits"]["IdToken"]) == (60, "minutes")
    assert set(properties["ExplicitAuthFlows"]) == {
        "ALLOW_USER_PASSWORD_AUTH",
        "ALLOW_USER_SRP_AUTH",
        "ALLOW_REFRESH_TOKEN_AUTH",
    }
    assert not properties["GenerateSecret"]


def test_neither_stack_can_block_the_others_deploy(data: Template, service: Template) -> None:
    # An export in use cannot be changed; a parameter can.
    exports = [output["Export"] for output in data.body.get("Outputs", {}).values() if "Export" in output]
    assert exports == []
    assert "Fn::ImportValue" not in str(service.body)
    written = {parameter["Properties"]["Name"] for parameter in data.of_type("AWS::SSM::Parameter").values()}
    read = {
        p["Default"] for p in service.body["Parameters"].values() if p["Type"] == "AWS::SSM::Parameter::Value<String>"
    }
    assert {name for name in read if name.startswith("/interaction-tracker/")} <= written
