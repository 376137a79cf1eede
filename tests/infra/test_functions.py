"""The functions: their order in a deploy, what feeds them, and the exact rights of each."""

import pytest

from tests.infra.template import Template

FUNCTION = "AWS::Serverless::Function"
PATH = "/interaction-tracker/local"
NAMED = "arn:aws:secretsmanager:us-east-1:000000000000:secret:interaction-tracker/local"
READ_SECRET = {"secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"}
SEND = {"sqs:SendMessage", "sqs:GetQueueAttributes", "sqs:GetQueueUrl"}
CONSUME = {
    "sqs:ReceiveMessage",
    "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:GetQueueUrl",
}
RIGHTS = {
    "APIHandler": {f"{PATH}/queue-arn": SEND},
    "CatchUp": {f"{NAMED}/postgres-??????": READ_SECRET, f"{NAMED}/neo4j-??????": READ_SECRET},
    "Worker": {
        f"{PATH}/queue-arn": CONSUME,
        f"{PATH}/dead-letter-queue-arn": SEND,
        f"{NAMED}/postgres-??????": READ_SECRET,
        f"{NAMED}/neo4j-??????": READ_SECRET,
    },
    "Operations": {
        f"{PATH}/queue-arn": SEND,
        f"{PATH}/dead-letter-queue-arn": CONSUME,
        f"{NAMED}/postgres-??????": READ_SECRET,
        f"{NAMED}/postgres-owner-??????": READ_SECRET,
        f"{NAMED}/neo4j-??????": READ_SECRET,
    },
}
VARIABLES = {
    "APIHandler": {"QUEUE_URL", "CORS_ORIGIN"},
    "CatchUp": {"POSTGRES_SECRET", "NEO4J_SECRET"},
    "Worker": {"DEAD_LETTER_QUEUE_URL", "POSTGRES_SECRET", "NEO4J_SECRET"},
    "Operations": {
        "QUEUE_URL",
        "DEAD_LETTER_QUEUE_URL",
        "POSTGRES_SECRET",
        "POSTGRES_OWNER_SECRET",
        "NEO4J_SECRET",
    },
}
FOR_ALL = {"ENVIRONMENT", "LOG_LEVEL", "POWERTOOLS_METRICS_NAMESPACE", "POWERTOOLS_SERVICE_NAME"}


def test_every_function_is_held_to_rights_written_out_here(service: Template) -> None:
    assert set(service.of_type(FUNCTION)) == set(RIGHTS)
    roles = {service.plain(function["Properties"]["Role"]) for function in service.of_type(FUNCTION).values()}
    assert len(roles) == len(RIGHTS)
    for role in service.of_type("AWS::IAM::Role").values():
        assert "Policies" not in role["Properties"]


@pytest.mark.parametrize("name", RIGHTS)
def test_a_function_may_do_its_own_work_and_nothing_else(service: Template, name: str) -> None:
    function = service.of_type(FUNCTION)[name]["Properties"]
    role = service.plain(function["Role"]).removesuffix(".Arn")
    log = function["LoggingConfig"]["LogGroup"]["Ref"]
    write_log = {f"{log}.Arn": {"logs:CreateLogStream", "logs:PutLogEvents"}}
    assert service.rights(role) == RIGHTS[name] | write_log
    assert "ManagedPolicyArns" not in service.of_type("AWS::IAM::Role")[role]["Properties"]


@pytest.mark.parametrize("name", VARIABLES)
def test_a_function_is_told_where_secrets_are_and_never_what_they_are(service: Template, name: str) -> None:
    variables = service.of_type(FUNCTION)[name]["Properties"]["Environment"]["Variables"]
    assert set(variables) == VARIABLES[name] | FOR_ALL
    assert "{{resolve:" not in str(variables)
    for variable in (v for v in variables if v.endswith("_SECRET")):
        assert variables[variable].startswith("interaction-tracker/local/")


def test_logs_do_not_pile_up(service: Template) -> None:
    assert all(log["Properties"]["RetentionInDays"] for log in service.of_type("AWS::Logs::LogGroup").values())


def test_one_bad_message_does_not_bring_its_batch_again(service: Template) -> None:
    _, mapping = service.one("AWS::Lambda::EventSourceMapping")
    properties = mapping["Properties"]
    assert properties["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert "'Fn::GetAtt': ['Worker', 'Arn']" in str(properties["FunctionName"])
    assert service.plain(properties["EventSourceArn"]) == f"{PATH}/queue-arn"
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
