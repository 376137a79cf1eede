"""The service stacks, deployed by the real cdk into the local endpoint, and the file that tells where all is."""

import os
import shlex
import subprocess
import sys
from pathlib import Path
from urllib.parse import urljoin

import boto3
from botocore.exceptions import ClientError

from local.cloud import Cloud
from local.part import CloudError, Narrate

ROOT = Path(__file__).parents[1]
CDK = ROOT / "node_modules" / ".bin" / "cdk"
COMMANDS = Path(sys.executable).parent
PATIENCE = 300  # seconds for one cdk command


def deploy(cloud: Cloud, narrate: Narrate) -> dict[str, str]:
    """Bring the deployed stacks up to the source and return the variables by which people and programs use them.

    Raises CloudError, naming the log, when cdk fails.
    """
    environment = cloud.environment()
    narrate("secrets of the stores")
    _put_secrets(cloud, environment)
    if not _stack_exists(environment, "CDKToolkit"):
        narrate("cdk bootstrap")
        _cdk(cloud, environment, "bootstrap", "--app", "", "aws://000000000000/" + environment["AWS_REGION"])
    narrate("cdk deploy")
    _cdk(cloud, environment, "deploy", "local/*")
    outputs = _outputs(environment, "local-service")
    environment["API_URL"] = urljoin(environment["AWS_ENDPOINT_URL"], outputs["ApiUrl"])
    _write(cloud.folder / "env", environment)
    return environment
