"""parliament finds nothing in any IAM policy that is not explained here."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.infra.template import Template

Finding = tuple[str, str]
# parliament 1.6.4 is wrong about these, or they are AWS' own way: by issue, and by action or condition.
_OF_LAMBDA = "Lambda needs it on all resources to put a function into a network; the code itself is denied it"
_OF_ECS = "CDK's rights of an ECS host, as in AWS' managed policy: the tasks' instance does not exist yet"
_OF_VOLUME = "it needs a right on the volume and one on the instance: parliament wants both in one statement"
EXPLAINED: dict[Finding, str] = {
    ("RESOURCE_STAR", "ec2:AssignPrivateIpAddresses"): _OF_LAMBDA,
    ("RESOURCE_STAR", "ec2:CreateNetworkInterface"): _OF_LAMBDA,
    ("RESOURCE_STAR", "ec2:DeleteNetworkInterface"): _OF_LAMBDA,
    ("RESOURCE_STAR", "ec2:UnassignPrivateIpAddresses"): _OF_LAMBDA,
    ("RESOURCE_STAR", "ecs:Poll"): _OF_ECS,
    ("RESOURCE_STAR", "ecs:StartTelemetrySession"): _OF_ECS,
    ("RESOURCE_STAR", "logs:CreateLogStream"): _OF_ECS,
    ("RESOURCE_STAR", "logs:PutLogEvents"): _OF_ECS,
    ("RESOURCE_STAR", "logs:DeleteRetentionPolicy"): "CDK's function for RDS' log groups, whose names RDS makes",
    ("RESOURCE_STAR", "logs:PutRetentionPolicy"): "CDK's function for RDS' log groups, whose names RDS makes",
    (
        "UNKNOWN_CONDITION_FOR_ACTION",
        "lambda:SourceFunctionArn",
    ): "Lambda sends it with every call of a function's code; parliament knows an action's own conditions only",
    (
        "UNKNOWN_CONDITION_FOR_ACTION",
        "ssm:SessionDocumentAccessCheck",
    ): "AWS' pages on Session Manager have it; parliament's data does not",
    ("RESOURCE_MISMATCH", "ec2:AttachVolume"): _OF_VOLUME,
    (
        "RESOURCE_MISMATCH",
        "states:ListExecutions",
    ): "AWS' pages on Step Functions limit it to state machines; parliament's data knows another resource",
    ("RESOURCE_MISMATCH", "ec2:DetachVolume"): _OF_VOLUME,
    (
        "RESOURCE_MISMATCH",
        "ssmmessages:OpenDataChannel",
    ): "AWS' pages on Session Manager limit it to sessions; parliament's data knows no resource for it",
}
# A complete ARN for what CloudFormation fills in, by type of resource, or by the name of the parameter.
_HERE = "us-east-1:111111111111"
_ARNS = {
    "AWS::Cognito::UserPool": f"arn:aws:cognito-idp:{_HERE}:userpool/one",
    "AWS::DynamoDB::Table": f"arn:aws:dynamodb:{_HERE}:table/one",
    "AWS::ECS::Cluster": f"arn:aws:ecs:{_HERE}:cluster/one",
    "AWS::ECS::TaskDefinition": f"arn:aws:ecs:{_HERE}:task-definition/one:1",
    "AWS::ECS::Service": f"arn:aws:ecs:{_HERE}:service/one/two",
    "AWS::IAM::Role": "arn:aws:iam::111111111111:role/one",
    "AWS::Lambda::Function": f"arn:aws:lambda:{_HERE}:function:one",
    "AWS::Logs::LogGroup": f"arn:aws:logs:{_HERE}:log-group:one:*",
    "AWS::S3::Bucket": "arn:aws:s3:::one",
    "AWS::SNS::Topic": f"arn:aws:sns:{_HERE}:one",
    "AWS::SQS::Queue": f"arn:aws:sqs:{_HERE}:one",
    "AWS::SecretsManager::Secret": f"arn:aws:secretsmanager:{_HERE}:secret:one-AbCdEf",
    "AWS::Serverless::Function": f"arn:aws:lambda:{_HERE}:function:one",
    "AWS::StepFunctions::StateMachine": f"arn:aws:states:{_HERE}:stateMachine:one",
    "alarm-topic-arn": f"arn:aws:sns:{_HERE}:one",
    "secret-arn": f"arn:aws:secretsmanager:{_HERE}:secret:one-AbCdEf",
    "queue-arn": f"arn:aws:sqs:{_HERE}:one",
    "machine-arn": f"arn:aws:states:{_HERE}:stateMachine:one",
    "user-pool-arn": f"arn:aws:cognito-idp:{_HERE}:userpool/one",
    "AWS::StackId": f"arn:aws:cloudformation:{_HERE}:stack/one/two",
    "AWS::AccountId": "111111111111",
    "AWS::Partition": "aws",
    "AWS::Region": "us-east-1",
}


def policies(template: Template) -> Iterator[tuple[str, Any]]:
    """Yield every policy of a template but those that say who may assume a role, with its place."""

    def below(place: str, value: Any) -> Iterator[tuple[str, Any]]:
        if isinstance(value, list):
            for one in value:
                yield from below(place, one)
        elif isinstance(value, dict):
            for name, one in value.items():
                found = name == "PolicyDocument" and "Statement" in one
                yield from [(place, one)] if found else below(place, one)

    for id_, resource in template.body["Resources"].items():
        yield from below(id_, resource.get("Properties", {}))


def filled_in(template: Template, value: Any) -> Any:
    """Return a policy with a text for each function of CloudFormation in it."""
    match value:
        case {"Ref": str(name)} | {"Fn::GetAtt": [str(name), _]}:
            resource = template.body["Resources"].get(name, {})
            parameter = template.body.get("Parameters", {}).get(name, {}).get("Default", "")
            ends = [arn for end, arn in _ARNS.items() if parameter.endswith(end)]
            return _ARNS.get(resource.get("Type", name)) or (ends[0] if ends else "one")
        case {"Fn::Join": [str(separator), list(parts)]}:
            return separator.join(str(filled_in(template, part)) for part in parts)
        case {"Fn::Select": _} | {"Fn::Split": _}:
            return "one"
        case dict():
            return {name: filled_in(template, one) for name, one in value.items()}
        case list():
            return [filled_in(template, one) for one in value]
    return value


def findings(policy_texts: list[str]) -> list[set[Finding]]:
    """Return parliament's findings for each policy."""
    command: list[str | Path] = [sys.executable, "-W", "ignore", Path(__file__).with_name("parliament_findings.py")]
    done = subprocess.run(command, input="\n".join(policy_texts), capture_output=True, text=True, check=True)
    return [
        {one for issue, detail in json.loads(line) for one in named(issue, detail)} for line in done.stdout.splitlines()
    ]


def named(issue: str, detail: Any) -> Iterator[Finding]:
    """Yield a finding for each action or condition that it names."""
    if isinstance(detail, list):
        yield from ((issue, one["action"] if isinstance(one, dict) else one) for one in detail)
    else:
        condition = str(detail).removeprefix("Unknown condition ").partition(" for action ")[0]
        yield issue, condition


@pytest.fixture(scope="session")
def found(assembly: Path) -> dict[tuple[str, str], set[Finding]]:
    """Return the findings of every policy of every stack, by stack and place."""
    templates = {
        path.name.partition(".")[0]: Template(json.loads(path.read_text()))
        for path in assembly.glob("assembly-*/*.template.json")
    }
    places = [
        ((stack, place), json.dumps(filled_in(template, policy)))
        for stack, template in templates.items()
        for place, policy in policies(template)
    ]
    result: dict[tuple[str, str], set[Finding]] = {}
    for (place, _), one in zip(places, findings([text for _, text in places]), strict=True):
        result.setdefault(place, set()).update(one)
    return result


def test_parliament_finds_nothing_that_is_not_explained(found: dict[tuple[str, str], set[Finding]]) -> None:
    assert len(found) > 60
    unexplained = {place: one - set(EXPLAINED) for place, one in found.items()}
    assert {place: one for place, one in unexplained.items() if one} == {}


def test_every_explanation_is_still_needed(found: dict[tuple[str, str], set[Finding]]) -> None:
    assert {one for of_place in found.values() for one in of_place} == set(EXPLAINED)


def test_planted_mistakes_are_found() -> None:
    planted = [
        {"Action": "sqs:SendMessages", "Resource": "*"},
        {"Action": "s3:GetObject", "Resource": "arn:aws:s3:::one"},
        {"Action": "secretsmanager:GetSecretValue", "Resource": "*"},
    ]
    texts = [json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow"} | one]}) for one in planted]
    assert [{issue for issue, _ in one} for one in findings(texts)] == [
        {"UNKNOWN_ACTION"},
        {"RESOURCE_MISMATCH"},
        {"RESOURCE_STAR"},
    ]
