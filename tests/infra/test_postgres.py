"""The ledger's Postgres, as an instance and as a cluster."""

from dataclasses import replace
from typing import Any

import pytest

from stacks.config.environment import Environment
from stacks.config.environments import DEV, PROD
from stacks.config.options import AuroraPostgres, RdsPostgres
from tests.infra.synthesis import ON_AWS, data_stack

INSTANCE = "AWS::RDS::DBInstance"
CLUSTER = "AWS::RDS::DBCluster"
AURORA = AuroraPostgres(min_capacity=0.5, max_capacity=8, readers=1, backup_days=7)
WITH_AURORA = replace(DEV, postgres=AURORA)


def stores() -> list[Any]:
    return [pytest.param((environment, INSTANCE), id=environment.name) for environment in ON_AWS] + [
        pytest.param((WITH_AURORA, CLUSTER), id="aurora")
    ]


@pytest.fixture(params=stores())
def store(request: pytest.FixtureRequest) -> dict[str, Any]:
    environment, kind = request.param
    _, found = data_stack(environment).one(kind)
    resource: dict[str, Any] = found
    return resource


def test_logical_ids_of_ledgers_never_change() -> None:
    for environment in ON_AWS:
        assert set(data_stack(environment).of_type(INSTANCE)) == {"RdsInstance5075E838"}
    assert set(data_stack(WITH_AURORA).of_type(CLUSTER)) == {"AuroraClusterD4EFE71C"}


def test_a_ledger_is_kept_when_its_stack_goes(store: dict[str, Any]) -> None:
    assert (store["DeletionPolicy"], store["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")
    assert store["Properties"]["DeletionProtection"] is True


@pytest.mark.parametrize("environment", [*ON_AWS, WITH_AURORA])
def test_a_kept_ledgers_groups_are_kept_too(environment: Environment) -> None:
    stack = data_stack(environment)
    kinds = ("AWS::RDS::DBParameterGroup", "AWS::RDS::DBClusterParameterGroup", "AWS::RDS::DBSubnetGroup")
    groups = [group for kind in kinds for group in stack.of_type(kind).values()]
    assert len(groups) == 2
    for group in groups:
        assert (group["DeletionPolicy"], group["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")


@pytest.mark.parametrize("environment", ON_AWS, ids=lambda environment: environment.name)
def test_rds_tells_that_the_disk_fills_whatever_its_size_is_by_then(environment: Environment) -> None:
    stack = data_stack(environment)
    instance, _ = stack.one(INSTANCE)
    topic, _ = stack.one("AWS::SNS::Topic")
    _, rule = stack.one("AWS::Events::Rule", starting="Rds")
    pattern = rule["Properties"]["EventPattern"]
    assert pattern["source"] == ["aws.rds"]
    assert set(pattern["detail"]["EventID"]) == {f"RDS-EVENT-{number}" for number in ("0007", "0223", "0224", "0225")}
    assert stack.plain(pattern["detail"]["SourceArn"][0]).endswith(f":db:{instance}")
    [target] = rule["Properties"]["Targets"]
    assert target["Arn"] == {"Ref": topic}
    assert stack.rights(stack.plain(target["RoleArn"]).removesuffix(".Arn")) == {topic: {"sns:Publish"}}


def test_an_instance_has_the_memory_that_iam_logins_need() -> None:
    # 300 MiB and more besides Postgres' own: more than the 1 GiB of a micro.
    for environment in ON_AWS:
        instance = data_stack(environment).one(INSTANCE)[1]["Properties"]["DBInstanceClass"]
        assert instance.rpartition(".")[2] not in {"nano", "micro"}, environment.name


def test_a_ledger_is_encrypted_at_rest(store: dict[str, Any]) -> None:
    assert store["Properties"]["StorageEncrypted"] is True


@pytest.mark.parametrize(
    ("environment", "kind"), [(DEV, "AWS::RDS::DBParameterGroup"), (WITH_AURORA, "AWS::RDS::DBClusterParameterGroup")]
)
def test_a_connection_without_tls_is_refused(environment: Environment, kind: str) -> None:
    _, group = data_stack(environment).one(kind)
    assert group["Properties"]["Parameters"]["rds.force_ssl"] == "1"
    assert group["Properties"]["Family"].endswith("postgresql18") or group["Properties"]["Family"] == "postgres18"


def test_values_of_statements_are_never_logged() -> None:
    _, group = data_stack(DEV).one("AWS::RDS::DBParameterGroup")
    parameters = group["Properties"]["Parameters"]
    assert {parameters["log_parameter_max_length"], parameters["log_parameter_max_length_on_error"]} == {"0"}
    assert parameters["log_error_verbosity"] == "terse"


@pytest.mark.parametrize(
    ("environment", "kind"), [(DEV, "AWS::RDS::DBParameterGroup"), (WITH_AURORA, "AWS::RDS::DBClusterParameterGroup")]
)
def test_each_connection_is_logged(environment: Environment, kind: str) -> None:
    _, group = data_stack(environment).one(kind)
    assert group["Properties"]["Parameters"]["log_connections"] == "1"


def test_one_question_does_not_fill_the_disk() -> None:
    for environment in ON_AWS:
        assert isinstance(environment.postgres, RdsPostgres)
        _, group = data_stack(environment).one("AWS::RDS::DBParameterGroup")
        assert (
            0 < int(group["Properties"]["Parameters"]["temp_file_limit"]) < environment.postgres.storage_gib * 1024**2
        )


def test_only_the_major_version_is_pinned(store: dict[str, Any]) -> None:
    assert store["Properties"]["EngineVersion"] == "18"
    assert not store["Properties"].get("AllowMajorVersionUpgrade")


def test_functions_log_in_with_iam_and_rds_manages_the_owners_password(store: dict[str, Any]) -> None:
    assert store["Properties"]["EnableIAMDatabaseAuthentication"] is True
    assert store["Properties"]["ManageMasterUserPassword"] is True
    assert "MasterUserPassword" not in store["Properties"]


def test_a_ledger_can_be_restored_to_any_time_of_at_least_a_week(store: dict[str, Any]) -> None:
    assert 7 <= store["Properties"]["BackupRetentionPeriod"] <= 35


def test_only_prods_ledger_has_a_standby() -> None:
    standby = {e.name: data_stack(e).one(INSTANCE)[1]["Properties"]["MultiAZ"] for e in ON_AWS}
    assert standby == {"dev": False, "staging": False, "prod": True}


def test_storage_grows_by_itself() -> None:
    for environment in ON_AWS:
        assert isinstance(environment.postgres, RdsPostgres)
        properties = data_stack(environment).one(INSTANCE)[1]["Properties"]
        assert properties["StorageType"] == "gp3"
        assert properties["MaxAllocatedStorage"] == environment.postgres.storage_limit_gib
        assert environment.postgres.storage_limit_gib >= 2 * environment.postgres.storage_gib


def test_no_instance_of_either_kind_is_public() -> None:
    for environment in (PROD, WITH_AURORA):
        for instance in data_stack(environment).of_type(INSTANCE).values():
            assert instance["Properties"]["PubliclyAccessible"] is False
            assert instance["Properties"]["EnablePerformanceInsights"] is True
