"""The functions: exact rights, variables, events, and their order in a deploy."""

import sys
from dataclasses import replace

import aws_cdk as cdk
import pytest

from stacks.config.environment import Environment
from stacks.config.environments import LOCAL
from stacks.config.options import Quota
from stacks.deployment import Deployment
from tests.infra.conftest import FLAGS
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
IMPORT_FILES = {"s3:DeleteObject", "s3:GetObject", "s3:PutObject"}
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
# By function: its rights on the queues, and its role in Postgres.
INSIDE = {
    "EventStatus": ({}, "event_status"),
    "CatchUp": ({}, "app"),
    "Worker": ({"queue-arn": CONSUME, "dead-letter-queue-arn": SEND}, "app"),
    "Operations": ({}, "operator"),
}
# By function that does not log in to an external Postgres as `app`.
OWN_SECRETS = {"EventStatus": ["postgres-event-status"], "Operations": ["postgres-operator", "postgres-owner"]}
OWN_VARIABLES = {
    "APIHandler": {
        *("QUEUE_URL", "CORS_ORIGIN", "USER_POOL_CLIENT_IDS"),
        *("QUOTA_TABLE", "QUOTA_INTERACTIONS", "QUOTA_BYTES"),
    },
    "EventStatus": {"CORS_ORIGIN", "USER_POOL_CLIENT_IDS"},
    "CatchUp": set(),
    "Worker": {"DEAD_LETTER_QUEUE_URL"},
    "Operations": {"POSTGRES_OWNER_SECRET"},
}
COMMON_VARIABLES = {"ENVIRONMENT", "LOG_LEVEL", "PYDANTIC_DISABLE_PLUGINS"}
ADDRESS_VARIABLES = {"POSTGRES_HOST", "POSTGRES_PORT", "POSTGRES_DBNAME", "POSTGRES_USER"}
NAMES = [*OUTSIDE, *INSIDE]


def rights(name: str, environment: Environment) -> dict[str, set[str]]:
    """Return a function's rights, without those on its own log."""
    path = f"/interaction-tracker/{environment.name}"
    if name in OUTSIDE:
        return {"*": TRACE} | {f"{path}/{queue}": actions for queue, actions in OUTSIDE[name].items()}
    queues, role = INSIDE[name]
    found = {f"{path}/{queue}": actions for queue, actions in queues.items()}
    if environment.network is None:
        ledgers = OWN_SECRETS.get(name, ["postgres"])
        secrets = [*ledgers, "neo4j"]
        named = f"arn:aws:secretsmanager:{environment.region}:{environment.account}:secret:interaction-tracker/local"
        return found | {"*": TRACE} | {f"{named}/{secret}-??????": READ_SECRET for secret in secrets}
    user = f"arn:aws:rds-db:{environment.region}:{environment.account}:dbuser:{path}/postgres-resource-id/{role}"
    secrets = ["graph-secret-arn", *(["postgres-owner-secret-arn"] if name == "Operations" else [])]
    owner = {user.removesuffix(role) + "ledger_owner": {"rds-db:connect"}} if name == "Operations" else {}
    stores = {user: {"rds-db:connect"}} | owner | {f"{path}/{secret}": READ_SECRET for secret in secrets}
    files = {f"arn:aws:s3:::{path}/graph-import-bucket-name/*": IMPORT_FILES} if name == "Operations" else {}
    return found | {"*": TRACE | INTERFACES} | stores | files


def test_this_file_lists_the_rights_of_every_function(service: Template) -> None:
    assert set(service.of_type(FUNCTION)) == set(NAMES)
    roles = {service.plain(function["Properties"]["Role"]) for function in service.of_type(FUNCTION).values()}
    assert len(roles) == len(NAMES)
    for role in service.of_type("AWS::IAM::Role").values():
        assert "Policies" not in role["Properties"]


@pytest.mark.parametrize("name", NAMES)
def test_a_function_has_exactly_these_rights(service: Template, environment: Environment, name: str) -> None:
    function = service.of_type(FUNCTION)[name]["Properties"]
    role = service.plain(function["Role"]).removesuffix(".Arn")
    log = function["LoggingConfig"]["LogGroup"]["Ref"]
    write_log = {f"{log}.Arn": {"logs:CreateLogStream", "logs:PutLogEvents"}}
    table, _ = service.one("AWS::DynamoDB::Table")
    count = {f"{table}.Arn": {"dynamodb:UpdateItem"}} if name == "APIHandler" else {}
    assert service.rights(role) == rights(name, environment) | write_log | count
    assert "ManagedPolicyArns" not in service.of_type("AWS::IAM::Role")[role]["Properties"]


@pytest.mark.parametrize("name", INSIDE)
def test_only_lambda_itself_may_change_network_interfaces(
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
def test_only_functions_that_use_the_stores_are_in_the_network(
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
def test_variables_name_secrets_and_never_contain_them(service: Template, environment: Environment, name: str) -> None:
    variables = service.of_type(FUNCTION)[name]["Properties"]["Environment"]["Variables"]
    stores = ADDRESS_VARIABLES if environment.network else {"POSTGRES_SECRET"}
    of_stores = stores | {"NEO4J_SECRET"} if name in INSIDE else set()
    own = OWN_VARIABLES[name] | ({"IMPORT_BUCKET"} if name == "Operations" and environment.network else set())
    assert set(variables) == COMMON_VARIABLES | own | of_stores
    assert variables["ENVIRONMENT"] == environment.name
    if name in INSIDE and environment.network:
        assert variables["POSTGRES_USER"] == INSIDE[name][1]
    assert "{{resolve:" not in str(variables)
    for variable in (v for v in variables if v.endswith("_SECRET")):
        where = service.plain(variables[variable])
        assert where.startswith(
            (f"interaction-tracker/{environment.name}/", f"/interaction-tracker/{environment.name}")
        )


# cdk-nag does not check SAM resources; this test does.
@pytest.mark.parametrize("name", NAMES)
def test_a_function_is_traced_and_has_the_environments_python(
    service: Template, environment: Environment, name: str
) -> None:
    properties = service.of_type(FUNCTION)[name]["Properties"]
    assert properties["Tracing"] == "Active"
    host = f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert properties["Runtime"] == f"python{host if environment.local_endpoint else '3.13'}"
    assert environment.local_endpoint or properties["Architectures"] == ["arm64"]
    assert not {"Policies", "FunctionUrlConfig"} & set(properties)
    id_, layer = service.one("AWS::Serverless::LayerVersion")
    assert properties["Layers"] == [{"Ref": id_}]
    assert layer["Properties"]["CompatibleRuntimes"] == [properties["Runtime"]]
    assert layer["Properties"]["CompatibleArchitectures"] == properties["Architectures"]


def test_each_user_has_a_quota_that_is_counted_in_a_table(service: Template, environment: Environment) -> None:
    id_, table = service.one("AWS::DynamoDB::Table")
    assert table["Properties"]["BillingMode"] == "PAY_PER_REQUEST"
    assert table["Properties"]["KeySchema"] == [{"AttributeName": "id", "KeyType": "HASH"}]
    assert table["Properties"]["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    assert table["DeletionPolicy"] == "Delete"
    variables = service.of_type(FUNCTION)["APIHandler"]["Properties"]["Environment"]["Variables"]
    assert environment.quota
    # One item of DynamoDB takes so many writes a second: more would be refused, and the quota fails open.
    assert environment.throttle_rate <= 1000
    assert {name: value for name, value in variables.items() if name.startswith("QUOTA_")} == {
        "QUOTA_TABLE": {"Ref": id_},
        "QUOTA_INTERACTIONS": str(environment.quota.interactions),
        "QUOTA_BYTES": str(environment.quota.size_bytes),
    }


def test_an_environment_without_a_quota_has_no_table() -> None:
    app = cdk.App(context=FLAGS)
    Deployment(app, environment=replace(LOCAL, quota=None))
    (stack,) = (one for one in app.synth().get_nested_assembly("assembly-local").stacks if "service" in one.stack_name)
    template = Template(stack.template)
    assert template.of_type("AWS::DynamoDB::Table") == {}
    variables = template.of_type(FUNCTION)["APIHandler"]["Properties"]["Environment"]["Variables"]
    assert not [name for name in variables if name.startswith("QUOTA_")]


@pytest.mark.parametrize(
    "quota", [Quota(interactions=99, size_bytes=10**9), Quota(interactions=10**9, size_bytes=10**5)]
)
def test_a_quota_below_one_request_is_refused_at_synth(quota: Quota) -> None:
    with pytest.raises(ValueError, match="a quota must allow"):
        replace(LOCAL, quota=quota)


def test_only_catch_up_runs_on_a_schedule(service: Template) -> None:
    events = {
        name: [event["Type"] for event in function["Properties"].get("Events", {}).values()]
        for name, function in service.of_type(FUNCTION).items()
    }
    assert {name: kinds for name, kinds in events.items() if kinds} == {"CatchUp": ["Schedule"]}


def test_a_failed_catch_up_is_not_retried(service: Template, environment: Environment) -> None:
    properties = service.of_type(FUNCTION)["CatchUp"]["Properties"]
    assert properties["EventInvokeConfig"] == {"MaximumEventAgeInSeconds": 60, "MaximumRetryAttempts": 0}
    assert properties.get("ReservedConcurrentExecutions") == (1 if environment.reserved_concurrency else None)


def test_operations_have_a_whole_core_and_the_memory_that_a_verification_counts_on(service: Template) -> None:
    functions = service.of_type(FUNCTION).items()
    assert {name: function["Properties"]["MemorySize"] for name, function in functions} == {
        name: 1769 if name == "Operations" else 512 for name, _ in functions
    }


def test_logs_expire(service: Template) -> None:
    assert all(log["Properties"]["RetentionInDays"] for log in service.of_type("AWS::Logs::LogGroup").values())


def test_one_failed_message_does_not_return_its_batch(service: Template, environment: Environment) -> None:
    _, mapping = service.one("AWS::Lambda::EventSourceMapping")
    properties = mapping["Properties"]
    assert properties["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert "'Fn::GetAtt': ['Worker', 'Arn']" in str(properties["FunctionName"])
    assert service.plain(properties["EventSourceArn"]) == f"/interaction-tracker/{environment.name}/queue-arn"
    assert properties["BatchSize"] <= 10 or properties["MaximumBatchingWindowInSeconds"] >= 1


def test_a_flood_does_not_use_up_the_database_connections(service: Template, environment: Environment) -> None:
    _, mapping = service.one("AWS::Lambda::EventSourceMapping")
    workers = mapping["Properties"]["ScalingConfig"]["MaximumConcurrency"]
    assert workers == environment.worker.concurrency
    statuses = service.of_type(FUNCTION)["EventStatus"]["Properties"].get("ReservedConcurrentExecutions")
    assert statuses == (5 if environment.reserved_concurrency else None)  # else the throttle of its route limits it
    # Catch-up, operations and a migration hold one each.
    alarms = service.of_type("AWS::CloudWatch::Alarm").values()
    limits = [
        a["Properties"]["Threshold"] for a in alarms if a["Properties"].get("MetricName") == "DatabaseConnections"
    ]
    assert all(workers + 5 + 3 <= limit / 2 for limit in limits)
    assert len(limits) == (1 if environment.network else 0)


@pytest.mark.parametrize(
    ("kind", "id_"),
    [*((FUNCTION, name) for name in ("Worker", "CatchUp", "EventStatus")), ("AWS::Lambda::EventSourceMapping", "")],
)
def test_code_that_needs_a_schema_waits_for_the_migration(service: Template, kind: str, id_: str) -> None:
    migration, _ = service.one("Custom::Migration")
    _, resource = service.one(kind, starting=id_)
    assert migration in resource["DependsOn"]


def test_each_new_package_migrates_before_its_worker_runs(service: Template) -> None:
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


def test_no_migration_runs_on_rollback_or_deletion(service: Template) -> None:
    _, migration = service.one("Custom::Migration")
    assert (migration["DeletionPolicy"], migration["UpdateReplacePolicy"]) == ("Retain", "Retain")
