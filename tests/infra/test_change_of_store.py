"""A change from one kind of store to another (add, copy, switch, remove): no step replaces a store with data."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from stacks.config.environment import Environment
from stacks.config.environments import DEV, LOCAL
from stacks.config.options import AuroraPostgres, ExistingUsers, ExternalGraph, ExternalPostgres
from tests.infra.synthesis import data_stack

AURORA = AuroraPostgres(min_capacity=0.5, max_capacity=8, readers=0, backup_days=7)
AURA_DB = ExternalGraph(secret="graph-elsewhere")  # noqa: S106  a name
# Properties whose change replaces the resource, by type.
FIXED = {
    "AWS::RDS::DBInstance": {
        "DBInstanceIdentifier",
        "DBName",
        "DBSubnetGroupName",
        "Engine",
        "MasterUsername",
        "StorageEncrypted",
        "KmsKeyId",
        "DBSnapshotIdentifier",
        "AvailabilityZone",
        "Port",
    },
    "AWS::RDS::DBCluster": {
        "DBClusterIdentifier",
        "DatabaseName",
        "DBSubnetGroupName",
        "Engine",
        "MasterUsername",
        "StorageEncrypted",
        "KmsKeyId",
        "SnapshotIdentifier",
    },
    "AWS::EC2::Volume": {"AvailabilityZone", "Encrypted", "KmsKeyId", "SnapshotId"},
    "AWS::RDS::DBSubnetGroup": {"DBSubnetGroupName"},
    "AWS::SecretsManager::Secret": {"Name", "GenerateSecretString"},
    "AWS::SQS::Queue": {"QueueName", "FifoQueue"},
    "AWS::Cognito::UserPool": {"UsernameAttributes", "UsernameConfiguration", "Schema"},
}
LEDGERS = (
    DEV,
    replace(DEV, beside=(AURORA,)),
    replace(DEV, postgres=AURORA, beside=(DEV.postgres,)),
    replace(DEV, postgres=AURORA),
)
GRAPHS = (
    DEV,
    replace(DEV, graph=AURA_DB, beside=(DEV.graph,)),
    replace(DEV, graph=AURA_DB),
)


def holding_data(environment: Environment) -> dict[tuple[str, str], dict[str, Any]]:
    """Return resources with data, by type and logical id, with the properties that must not change."""
    resources = data_stack(environment).body["Resources"]
    return {
        (resource["Type"], id_): {
            name: value for name, value in resource["Properties"].items() if name in FIXED[resource["Type"]]
        }
        for id_, resource in resources.items()
        if resource["Type"] in FIXED
    }


@pytest.mark.parametrize("steps", [LEDGERS, GRAPHS], ids=["ledger", "graph"])
def test_no_step_replaces_a_store(steps: tuple[Environment, ...]) -> None:
    for before, after in pairwise(steps):
        old, new = holding_data(before), holding_data(after)
        assert {key: new[key] for key in old.keys() & new.keys()} == {key: old[key] for key in old.keys() & new.keys()}


@pytest.mark.parametrize("steps", [LEDGERS, GRAPHS], ids=["ledger", "graph"])
def test_a_removed_store_is_kept(steps: tuple[Environment, ...]) -> None:
    for before, after in [*pairwise(steps), (steps[0], steps[-1])]:
        resources = data_stack(before).body["Resources"]
        for _, id_ in holding_data(before).keys() - holding_data(after).keys():
            kept = resources[id_]["DeletionPolicy"], resources[id_]["UpdateReplacePolicy"]
            assert kept == ("RetainExceptOnCreate", "Retain")


def test_the_functions_use_the_chosen_store() -> None:
    def host(environment: Environment) -> str:
        parameters = data_stack(environment).of_type("AWS::SSM::Parameter").values()
        stack = data_stack(environment)
        return next(
            stack.plain(p["Properties"]["Value"]) for p in parameters if p["Properties"]["Name"].endswith("-host")
        )

    assert [host(environment).partition(".")[0] for environment in LEDGERS] == [
        "RdsInstance5075E838",
        "RdsInstance5075E838",
        "AuroraClusterD4EFE71C",
        "AuroraClusterD4EFE71C",
    ]


def test_an_existing_user_pool_replaces_our_own() -> None:
    arn = "arn:aws:cognito-idp:us-east-1:111111111111:userpool/us-east-1_abc"
    stack = data_stack(replace(DEV, users=ExistingUsers(pool_arn=arn, client_id="client")))
    assert stack.of_type("AWS::Cognito::UserPool") == {}
    values = {p["Properties"]["Name"]: p["Properties"]["Value"] for p in stack.of_type("AWS::SSM::Parameter").values()}
    assert values["/interaction-tracker/dev/user-pool-id"] == "us-east-1_abc"


def test_wrong_combinations_of_fields_are_refused() -> None:
    with pytest.raises(ValueError, match=r"for Python 3\.12 or newer"):
        replace(DEV, python="3.11")
    with pytest.raises(ValueError, match="at most one store of each type"):
        replace(DEV, beside=(DEV.postgres,))
    with pytest.raises(ValueError, match="stores of its own need a network"):
        replace(LOCAL, postgres=DEV.postgres)


def test_the_laptop_has_no_network() -> None:
    assert isinstance(LOCAL.postgres, ExternalPostgres)
    assert {kind.split("::")[1] for kind in (r["Type"] for r in data_stack(LOCAL).body["Resources"].values())} == {
        "CloudWatch",
        "Cognito",
        "SNS",
        "SQS",
        "SSM",
    }
