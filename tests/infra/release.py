"""The resources of the last release that hold data: `python -m tests.infra.release` writes them to released.json.

Run it for each release, after its stacks are deployed; later templates are compared with it. It is a file because a
checkout may lack the history of the release.
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
# Types of resources with data, or without which data is unreachable; with properties whose change replaces them, or is
# refused, although CloudFormation's schema does not say so.
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
    """Return the resources with data, by logical id: type, and properties whose change would replace them."""
    found = {}
    for kind, properties_besides_schema in STATEFUL.items():
        fixed = properties_besides_schema | _create_only(kind)
        for id_, resource in template.of_type(kind).items():
            properties = resource.get("Properties", {})
            found[id_] = {"Type": kind, **{name: properties[name] for name in sorted(fixed & set(properties))}}
    return found


def _create_only(kind: str) -> set[str]:
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema
    return {pointer.split("/")[2] for pointer in schema.get("createOnlyProperties", [])}


def main() -> None:
    """Write what this source deploys to released.json."""
    with tempfile.TemporaryDirectory() as folder:
        assembly = synthesise(Path(folder))
        released = {name: stateful(read(assembly, name, "data")) for name in ENVIRONMENTS}
    RELEASED.write_text(json.dumps(released, indent=2, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
