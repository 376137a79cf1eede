"""The exact rights of every role that is not a function's."""

import re

import pytest

from stacks.common import names
from stacks.config.environment import Environment
from tests.infra.synthesis import ON_AWS, data_stack
from tests.infra.template import Template
from tests.infra.test_functions import NAMES, READ_SECRET, TRACE

ROLE = "AWS::IAM::Role"
WRITE_LOG = {"logs:CreateLogStream", "logs:PutLogEvents"}
LOGIN = "GraphLogin9E5514A5"
TOPIC = "Alarms04B5A0BF"
VOLUME = "arn:aws:ec2:us-east-1:{account}:volume/GraphHostVolume652A7521"
SNAPSHOTS = "arn:aws:ec2:us-east-1::snapshot/*"
OF_A_MACHINE = TRACE | {
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
    "xray:GetSamplingRules",
    "xray:GetSamplingTargets",
}
# By prefix of a role's logical id; actions on "*" take no resource.
OF_DATA: dict[str, dict[str, set[str]]] = {
    "NetworkVpcFlowLogIAMRole": {"NetworkFlowLogs2BEC3212.Arn": WRITE_LOG | {"logs:DescribeLogStreams"}},
    "CustomVpcRestrictDefaultSG": {},
    "LogRetention": {"*": {"logs:DeleteRetentionPolicy", "logs:PutRetentionPolicy"}},
    "GraphHostRole": {
        LOGIN: {"secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue"},
        VOLUME: {"ec2:AttachVolume", "ec2:DetachVolume"},
        "arn:aws:ec2:us-east-1:{account}:instance/*": {"ec2:AttachVolume", "ec2:DetachVolume"},
        "arn:aws:autoscaling:us-east-1:{account}:autoScalingGroup:*:autoScalingGroupName/*": {
            "autoscaling:SetInstanceHealth"
        },
        "AWS::StackId": {"cloudformation:SignalResource"},
        "GraphCluster9629356B.Arn": {
            "ecs:DeregisterContainerInstance",
            "ecs:RegisterContainerInstance",
            "ecs:Submit*",
        },
        "*": {
            "cloudwatch:PutMetricData",
            "ec2:DescribeVolumes",
            "ecr:GetAuthorizationToken",
            "ecs:DiscoverPollEndpoint",
            "ecs:Poll",
            "ecs:StartTelemetrySession",
            "ssm:UpdateInstanceInformation",
            "ssmmessages:CreateControlChannel",
            "ssmmessages:CreateDataChannel",
            "ssmmessages:OpenControlChannel",
            "ssmmessages:OpenDataChannel",
        },
    },
    "GraphTaskTaskRole": {},
    "GraphTaskExecutionRole": {"GraphLog96776722.Arn": WRITE_LOG, LOGIN: READ_SECRET},
    "GraphImportTaskTaskRole": {},
    "GraphImportTaskExecutionRole": {"GraphImportTaskLogA832FB25.Arn": WRITE_LOG},
    "GraphImportMachineRole": {
        "GraphService90FD9826": {"ecs:DescribeServices", "ecs:UpdateService"},
        "GraphImportTask40F030E6": {"ecs:RunTask"},
        "arn:aws:ecs:us-east-1:{account}:task/*": {"ecs:DescribeTasks", "ecs:StopTask"},
        "GraphImportTaskTaskRoleA31C0906.Arn": {"iam:PassRole"},
        "GraphImportTaskExecutionRoleBD756F09.Arn": {"iam:PassRole"},
        "*": OF_A_MACHINE,
    },
    "GraphSnapshotMachineRole": {
        "GraphService90FD9826": {"ecs:DescribeServices", "ecs:UpdateService"},
        SNAPSHOTS: {"ec2:CreateSnapshot", "ec2:CreateTags", "ec2:DeleteSnapshot"},
        VOLUME: {"ec2:CreateSnapshot"},
        "*": OF_A_MACHINE | {"ec2:DescribeSnapshots"},
    },
    "RdsDiskEvents": {TOPIC: {"sns:Publish"}},
    "SchedulerRoleForTarget": {"GraphSnapshotMachineE99BB023": {"states:StartExecution"}},
}
OF_SERVICE: dict[str, dict[str, set[str]]] = {
    "ApiRestApiCloudWatchRole": {},
    "MigrationProvider": {
        "Operations.Arn": {"lambda:GetFunction", "lambda:InvokeFunction"},
        "Operations.Arn:*": {"lambda:InvokeFunction"},
    },
}
# AWS' managed policies for writing logs, used by CDK's functions and API Gateway.
MANAGED = {
    "CustomVpcRestrictDefaultSG": "AWSLambdaBasicExecutionRole",
    "LogRetention": "AWSLambdaBasicExecutionRole",
    "ApiRestApiCloudWatchRole": "AmazonAPIGatewayPushToCloudWatchLogs",
    "MigrationProvider": "AWSLambdaBasicExecutionRole",
}


def check(stack: Template, roles: list[str], expected: dict[str, dict[str, set[str]]]) -> None:
    found = {next(name for name in expected if role.startswith(name)): role for role in roles}
    assert set(found) == set(expected)
    assert len(found) == len(roles)
    for name, role in found.items():
        rights = {re.sub(r"\d{12}", "{account}", where): may for where, may in stack.rights(role).items()}
        assert rights == expected[name], name
        managed = stack.of_type(ROLE)[role]["Properties"].get("ManagedPolicyArns", [])
        assert re.findall(r"service-role/(\w+)", str(managed)) == ([MANAGED[name]] if name in MANAGED else []), name


@pytest.mark.parametrize("environment", ON_AWS, ids=lambda environment: environment.name)
def test_roles_of_the_data_stack_have_exactly_these_rights(environment: Environment) -> None:
    stack = data_stack(environment)
    network = environment.network
    nat: dict[str, dict[str, set[str]]] = (
        {"NetworkVpcpublicSubnet1NatInstance": {}} if network and network.nat_instance_type else {}
    )
    check(stack, list(stack.of_type(ROLE)), OF_DATA | nat)
    inline = {
        role: policy
        for role, resource in stack.of_type(ROLE).items()
        for policy in resource["Properties"].get("Policies", [])
    }
    # CDK's function that empties the network's default security group.
    [(role, policy)] = inline.items()
    assert role.startswith("CustomVpcRestrictDefaultSG")
    [statement] = policy["PolicyDocument"]["Statement"]
    assert "DefaultSecurityGroup" in str(statement["Resource"])
    assert {action.partition("SecurityGroup")[0] for action in statement["Action"]} == {"ec2:Authorize", "ec2:Revoke"}


@pytest.mark.parametrize("environment", ON_AWS, ids=lambda environment: environment.name)
def test_the_graphs_host_can_forge_no_metric_of_a_function(environment: Environment) -> None:
    statements = [
        statement
        for policy in data_stack(environment).of_type("AWS::IAM::Policy").values()
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
    ]
    [publish] = [one for one in statements if one["Action"] == "cloudwatch:PutMetricData"]
    assert publish["Condition"] == {"StringEquals": {"cloudwatch:namespace": names.GRAPH_HOST_NAMESPACE}}
    assert names.GRAPH_HOST_NAMESPACE != names.NAMESPACE


def test_other_roles_of_the_service_stack_have_exactly_these_rights(service: Template) -> None:
    check(service, [role for role in service.of_type(ROLE) if not role.startswith(tuple(NAMES))], OF_SERVICE)


def test_aws_services_assume_roles_for_this_account_only(environment: Environment) -> None:
    for role in data_stack(environment).of_type(ROLE).values():
        [statement] = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        if statement["Principal"]["Service"] in ("scheduler.amazonaws.com", "states.amazonaws.com"):
            assert statement["Condition"]["StringEquals"]["aws:SourceAccount"] == environment.account
