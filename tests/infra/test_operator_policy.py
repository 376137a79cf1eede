"""The operators' policy: exactly what their commands need, and nobody else may run operations."""

from pathlib import Path
from typing import Any

from stacks.config.environment import Environment
from tests.infra.conftest import read
from tests.infra.template import Template
from tests.infra.test_functions import CONSUME, SEND

POLICY = "AWS::IAM::ManagedPolicy"
DOCUMENT = "AWS::SSM::Document"
ON_USERS = {
    "cognito-idp:AdminCreateUser",
    "cognito-idp:AdminDeleteUser",
    "cognito-idp:AdminDisableUser",
    "cognito-idp:AdminGetUser",
    "cognito-idp:AdminSetUserPassword",
    "cognito-idp:AdminUserGlobalSignOut",
    "cognito-idp:ListUsers",
}
OWN = {"StringLike": {"ssm:resourceTag/aws:ssmmessages:session-id": "${aws:userid}"}}
BY_DOCUMENT = {"BoolIfExists": {"ssm:SessionDocumentAccessCheck": "true"}}


def statements(service: Template) -> list[dict[str, Any]]:
    _, policy = service.one(POLICY)
    found: list[dict[str, Any]] = policy["Properties"]["PolicyDocument"]["Statement"]
    return found


def test_the_operators_policy_is_an_output_and_attached_to_nobody(service: Template) -> None:
    id_, policy = service.one(POLICY)
    assert service.body["Outputs"]["OperatorsPolicy"]["Value"] == {"Ref": id_}
    assert not {"Groups", "Roles", "Users"} & set(policy["Properties"])


def test_operators_have_exactly_the_rights_of_their_commands(service: Template, environment: Environment) -> None:
    _, policy = service.one(POLICY)
    of, name = f"/interaction-tracker/{environment.name}", environment.name
    here = f"{environment.region}:{environment.account}"
    expected = {
        f"arn:aws:cloudformation:{here}:stack/{name}-service/*": {"cloudformation:DescribeStacks"},
        "Operations.Arn": {"lambda:InvokeFunction"},
        f"{of}/queue-arn": SEND,
        f"{of}/dead-letter-queue-arn": CONSUME | SEND,
        f"{of}/user-pool-arn": ON_USERS,
        "APIHandlerFunctionLog286236FF.Arn": {"logs:FilterLogEvents"},
        "WorkerFunctionLog697C1BC4.Arn": {"logs:FilterLogEvents"},
        f"arn:aws:cloudwatch:{here}:alarm:*": {"cloudwatch:DescribeAlarms"},
        "*": {"cloudwatch:GetMetricData"},
    }
    if environment.network:
        expected[f"{of}/graph-import-machine-arn"] = {"states:ListExecutions", "states:StartExecution"}
    if environment.tunnel and environment.network:
        expected["*"] |= {"autoscaling:DescribeAutoScalingGroups"}
        expected |= {
            f"arn:aws:ssm:{here}:parameter{of}/*": {"ssm:GetParameters"},
            f"arn:aws:ec2:{here}:instance/*": {"ssm:StartSession"},
            **{f"arn:aws:ssm:{here}:document/{id_}": {"ssm:StartSession"} for id_ in service.of_type(DOCUMENT)},
            f"arn:aws:ssm:{here}:session/*": {"ssm:TerminateSession", "ssmmessages:OpenDataChannel"},
            f"{of}/graph-secret-arn": {"secretsmanager:GetSecretValue"},
            f"arn:aws:rds-db:{here}:dbuser:{of}/postgres-resource-id/analyst": {"rds-db:connect"},
        }
    assert service.rights_of([policy]) == expected


def test_a_session_forwards_a_port_of_the_graphs_host_and_is_never_a_shell(
    service: Template, environment: Environment, assembly: Path
) -> None:
    sessions = [statement for statement in statements(service) if statement["Action"] == "ssm:StartSession"]
    assert all(BY_DOCUMENT.items() <= statement["Condition"].items() for statement in sessions)
    ends = [
        statement["Condition"] for statement in statements(service) if statement["Action"] == "ssm:TerminateSession"
    ]
    assert ends == [OWN] * bool(sessions)
    on_hosts = [s["Condition"]["StringEquals"] for s in sessions if ":instance/*" in str(s["Resource"])]
    if not sessions:
        assert not (environment.tunnel and environment.network)
        return
    data = read(assembly, environment.name, "data")
    _, group = data.one("AWS::AutoScaling::AutoScalingGroup")
    tags = {f"ssm:resourceTag/{tag['Key']}": tag["Value"] for tag in group["Properties"]["Tags"]}
    [[(key, value)]] = [only.items() for only in on_hosts]
    assert tags[key] == value


def test_a_tunnel_leads_to_a_store_and_to_nothing_else(service: Template, environment: Environment) -> None:
    documents = [one["Properties"] for one in service.of_type(DOCUMENT).values()]
    if not (environment.tunnel and environment.network):
        assert not documents
        return
    of = f"/interaction-tracker/{environment.name}"
    ends = [one["Content"]["properties"] for one in documents]
    assert {(service.plain(one["host"]), service.plain(one["portNumber"])) for one in ends} == {
        (f"graph.{environment.name}.interaction-tracker.internal", "7687"),
        (f"{of}/postgres-host", f"{of}/postgres-port"),
    }
    assert all(set(one["Content"]["parameters"]) == {"localPortNumber"} for one in documents)
    names = {output["Value"]["Ref"]: id_ for id_, output in service.body["Outputs"].items() if "Tunnel" in id_}
    assert set(names) == set(service.of_type(DOCUMENT))
    assert set(names.values()) == {"GraphTunnel", "PostgresTunnel"}


def test_besides_operators_only_the_migration_may_run_operations(service: Template) -> None:
    policies = service.of_type("AWS::IAM::Policy").values()
    may = [p for p in policies if any("Operations.Arn" in resource for resource in service.rights_of([p]))]
    permissions = [p["Properties"] for p in service.of_type("AWS::Lambda::Permission").values()]
    invited = [p["Principal"] for p in permissions if service.plain(p["FunctionName"]) == "Operations.Arn"]
    assert len(may) == len(invited) == 1
    [role] = may[0]["Properties"]["Roles"]
    assert role["Ref"].startswith("MigrationProvider")
    assert service.plain(invited[0]) == f"{role['Ref']}.Arn"
