"""The functions: their order in a deploy, what feeds them, and the exact rights of each."""

import sys

import pytest

from stacks.config.environment import Environment
from tests.infra.template import Template

FUNCTION = "AWS::Serverless::Function"
READ_SECRET = {"secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"}
SEND = {"sqs:SendMessage", "sqs:GetQueueAttributes", "sqs:GetQueueUrl"}
CONSUME = {
    "sqs:ReceiveMessage",
    "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:GetQueueUrl",
}
TRACE = {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}
INTERFACES = {
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
}
OUTSIDE = {"APIHandler": {"queue-arn": SEND}}
# By function: its rights on the queues, and its role in the ledger.
INSIDE = {
    "CatchUp": ({}, "app"),
    "Worker": ({"queue-arn": CONSUME, "dead-letter-queue-arn": SEND}, "app"),
    "Operations": ({}, "operator"),
}
OF_QUEUES = {
    "APIHandler": {"QUEUE_URL", "CORS_ORIGIN"},
    "CatchUp": set(),
    "Worker": {"DEAD_LETTER_QUEUE_URL"},
    "Operations": {"POSTGRES_OWNER_SECRET"},
}
FOR_ALL = {"ENVIRONMENT", "LOG_LEVEL", "POWERTOOLS_METRICS_NAMESPACE", "POWERTOOLS_SERVICE_NAME"}
WHERE = {"POSTGRES_HOST", "POSTGRES_PORT", "POSTGRES_DBNAME", "POSTGRES_USER"}
NAMES = [*OUTSIDE, *INSIDE]


def rights(name: str, environment: Environment) -> dict[str, set[str]]:
    """Write out what a function may do, but for its own log."""
    of = f"/interaction-tracker/{environment.name}"
    if name in OUTSIDE:
        return {"*": TRACE} | {f"{of}/{queue}": actions for queue, actions in OUTSIDE[name].items()}
    queues, role = INSIDE[name]
    found = {f"{of}/{queue}": actions for queue, actions in queues.items()}
    if environment.network is None:
        ledgers = ["postgres-operator", "postgres-owner"] if name == "Operations" else ["postgres"]
        secrets = [*ledgers, "neo4j"]
        named = f"arn:aws:secretsmanager:{environment.region}:{environment.account}:secret:interaction-tracker/local"
        return found | {"*": TRACE} | {f"{named}/{secret}-??????": READ_SECRET for secret in secrets}
    user = f"arn:aws:rds-db:{environment.region}:{environment.account}:dbuser:{of}/postgres-resource-id/{role}"
    secrets = ["graph-secret-arn", *(["postgres-owner-secret-arn"] if name == "Operations" else [])]
    owner = {user.removesuffix(role) + "ledger_owner": {"rds-db:connect"}} if name == "Operations" else {}
    stores = {user: {"rds-db:connect"}} | owner | {f"{of}/{secret}": READ_SECRET for secret in secrets}
    return found | {"*": TRACE | INTERFACES} | stores


def test_every_function_is_held_to_rights_written_out_here(service: Template) -> None:
    assert set(service.of_type(FUNCTION)) == set(NAMES)
    roles = {service.plain(function["Properties"]["Role"]) for function in service.of_type(FUNCTION).values()}
    assert len(roles) == len(NAMES)
    for role in service.of_type("AWS::IAM::Role").values():
        assert "Policies" not in role["Properties"]


@pytest.mark.parametrize("name", NAMES)
def test_a_function_may_do_its_own_work_and_nothing_else(
    service: Template, environment: Environment, name: str
) -> None:
    function = service.of_type(FUNCTION)[name]["Properties"]
    role = service.plain(function["Role"]).removesuffix(".Arn")
    log = function["LoggingConfig"]["LogGroup"]["Ref"]
    write_log = {f"{log}.Arn": {"logs:CreateLogStream", "logs:PutLogEvents"}}
    assert service.rights(role) == rights(name, environment) | write_log
    assert "ManagedPolicyArns" not in service.of_type("AWS::IAM::Role")[role]["Properties"]


@pytest.mark.parametrize("name", INSIDE)
def test_the_rights_on_network_interfaces_are_lambdas_and_never_the_codes(
    service: Template, environment: Environment, name: str
) -> None:
    role = service.plain(service.of_type(FUNCTION)[name]["Properties"]["Role"]).removesuffix(".Arn")
    assert service.rights(role, "Deny") == ({"*": INTERFACES} if environment.network else {})
    conditions = [
        statement["Condition"]
        for policy in service.of_type("AWS::IAM::Policy").values()
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if {"Ref": role} in policy["Properties"]["Roles"] and "Condition" in statement
    ]
    own_code = f"arn:aws:lambda:{environment.region}:{environment.account}:function:*"
    expected = [{"ArnLike": {"lambda:SourceFunctionArn": own_code}}] if environment.network else []
    assert conditions == expected


@pytest.mark.parametrize("name", NAMES)
def test_only_functions_that_need_the_stores_are_in_the_network(
    service: Template, environment: Environment, name: str
) -> None:
    place = service.of_type(FUNCTION)[name]["Properties"].get("VpcConfig")
    if name in OUTSIDE or environment.network is None:
        assert place is None
        return
    groups = {service.plain(group).rpartition("/")[2] for group in place["SecurityGroupIds"]}
    clients = {"postgres-client-security-group-id", "graph-client-security-group-id"}
    assert groups == clients | {"way-out-security-group-id"}
    separator, subnets = place["SubnetIds"]["Fn::Split"]
    assert (separator, service.plain(subnets).rpartition("/")[2]) == (",", "subnet-ids")


@pytest.mark.parametrize("name", NAMES)
def test_a_function_is_told_where_secrets_are_and_never_what_they_are(
    service: Template, environment: Environment, name: str
) -> None:
    variables = service.of_type(FUNCTION)[name]["Properties"]["Environment"]["Variables"]
    stores = WHERE if environment.network else {"POSTGRES_SECRET"}
    assert set(variables) == FOR_ALL | OF_QUEUES[name] | (stores | {"NEO4J_SECRET"} if name in INSIDE else set())
    assert variables["ENVIRONMENT"] == environment.name
    if name in INSIDE and environment.network:
        assert variables["POSTGRES_USER"] == INSIDE[name][1]
    assert "{{resolve:" not in str(variables)
    for variable in (v for v in variables if v.endswith("_SECRET")):
        where = service.plain(variables[variable])
        assert where.startswith(
            (f"interaction-tracker/{environment.name}/", f"/interaction-tracker/{environment.name}")
        )


# cdk-nag does not see SAM's resources: what it would look for is here.
@pytest.mark.parametrize("name", NAMES)
def test_a_function_is_traced_and_runs_the_python_that_packaged_it(
    service: Template, environment: Environment, name: str
) -> None:
    properties = service.of_type(FUNCTION)[name]["Properties"]
    assert properties["Tracing"] == "Active"
    assert properties["Runtime"] == f"python{sys.version_info[0]}.{sys.version_info[1]}"
    assert properties["Architectures"] == [environment.architecture]
    assert not {"Policies", "FunctionUrlConfig"} & set(properties)
    assert len(properties["Layers"]) == 1


def test_only_catch_up_has_an_event_of_its_own(service: Template) -> None:
    events = {
        name: [event["Type"] for event in function["Properties"].get("Events", {}).values()]
        for name, function in service.of_type(FUNCTION).items()
    }
    assert {name: kinds for name, kinds in events.items() if kinds} == {"CatchUp": ["Schedule"]}


def test_a_catch_up_that_fails_is_not_repeated_since_the_next_minute_brings_another(
    service: Template, environment: Environment
) -> None:
    properties = service.of_type(FUNCTION)["CatchUp"]["Properties"]
    assert properties["EventInvokeConfig"] == {"MaximumEventAgeInSeconds": 60, "MaximumRetryAttempts": 0}
    assert properties.get("ReservedConcurrentExecutions") == (1 if environment.reserved_concurrency else None)


def test_logs_do_not_pile_up(service: Template) -> None:
    assert all(log["Properties"]["RetentionInDays"] for log in service.of_type("AWS::Logs::LogGroup").values())


def test_one_bad_message_does_not_bring_its_batch_again(service: Template, environment: Environment) -> None:
    _, mapping = service.one("AWS::Lambda::EventSourceMapping")
    properties = mapping["Properties"]
    assert properties["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert "'Fn::GetAtt': ['Worker', 'Arn']" in str(properties["FunctionName"])
    assert service.plain(properties["EventSourceArn"]) == f"/interaction-tracker/{environment.name}/queue-arn"
    assert properties["BatchSize"] <= 10 or properties["MaximumBatchingWindowInSeconds"] >= 1


def test_a_flood_does_not_use_up_the_database_connections(service: Template) -> None:
    _, mapping = service.one("AWS::Lambda::EventSourceMapping")
    assert mapping["Properties"]["ScalingConfig"]["MaximumConcurrency"] >= 2


@pytest.mark.parametrize(
    ("kind", "id_"), [(FUNCTION, "Worker"), (FUNCTION, "CatchUp"), ("AWS::Lambda::EventSourceMapping", "")]
)
def test_code_that_needs_a_schema_waits_for_the_migration(service: Template, kind: str, id_: str) -> None:
    migration, _ = service.one("Custom::Migration")
    _, resource = service.one(kind, starting=id_)
    assert migration in resource["DependsOn"]


def test_each_new_package_is_migrated_with_before_its_worker_runs(service: Template) -> None:
    migration, resource = service.one("Custom::Migration")
    assert resource["Properties"]["operation"] == "migrate"
    for archive in ("CodeUri", "ContentUri"):
        (key,) = {
            r["Properties"][archive]["Key"] for r in service.body["Resources"].values() if archive in r["Properties"]
        }
        assert key[:16] in migration
    provider = service.plain(resource["Properties"]["ServiceToken"]).removesuffix(".Arn")
    variables = service.of_type("AWS::Lambda::Function")[provider]["Properties"]["Environment"]["Variables"]
    assert variables["USER_ON_EVENT_FUNCTION_ARN"] == {"Fn::GetAtt": ["Operations", "Arn"]}


def test_rolling_back_or_deleting_runs_no_migration(service: Template) -> None:
    _, migration = service.one("Custom::Migration")
    assert (migration["DeletionPolicy"], migration["UpdateReplacePolicy"]) == ("Retain", "Retain")
