"""What a release has deployed that holds data: `python -m tests.infra.release` writes it to released.json.

Run it for each release, once its stacks are deployed: the next ones are then held to it. A file, since a checkout need
not have the history in which the release is.
"""

import json
import tempfile
from pathlib import Path
from typing import Any, Final

from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from stacks.config.environments import ENVIRONMENTS
from tests.infra.conftest import read, synthesise
from tests.infra.template import Template

RELEASED: Final = Path(__file__).with_name("released.json")
# What is lost, or locked out, with the resource. To each the properties whose change replaces it, or is refused, that
# CloudFormation's own schema does not tell.
STATEFUL: Final[dict[str, set[str]]] = {
    "AWS::Cognito::UserPool": {"AliasAttributes", "UsernameAttributes", "UsernameConfiguration"},
    "AWS::Cognito::UserPoolClient": set(),
    "AWS::EC2::Subnet": set(),
    "AWS::EC2::VPC": set(),
    "AWS::EC2::Volume": {"AvailabilityZone", "Encrypted", "KmsKeyId", "SnapshotId"},
    "AWS::RDS::DBCluster": {"Engine", "MasterUsername"},
    "AWS::RDS::DBSubnetGroup": set(),
    "AWS::RDS::DBInstance": {"AvailabilityZone", "DBSnapshotIdentifier", "Engine"},
    "AWS::SQS::Queue": set(),
    "AWS::SecretsManager::Secret": {"GenerateSecretString"},
}


def stateful(template: Template) -> dict[str, dict[str, Any]]:
    """Return what holds data, by logical id: its type, and the properties whose change would replace it."""
    found = {}
    for kind, more in STATEFUL.items():
        fixed = more | _create_only(kind)
        for id_, resource in template.of_type(kind).items():
            properties = resource.get("Properties", {})
            found[id_] = {"Type": kind, **{name: properties[name] for name in sorted(fixed & set(properties))}}
    return found


def _create_only(kind: str) -> set[str]:
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema
    return {pointer.split("/")[2] for pointer in schema.get("createOnlyProperties", [])}


def main() -> None:
    """Write down what this source deploys."""
    with tempfile.TemporaryDirectory() as folder:
        assembly = synthesise(Path(folder))
        released = {name: stateful(read(assembly, name, "data")) for name in ENVIRONMENTS}
    RELEASED.write_text(json.dumps(released, indent=2, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
