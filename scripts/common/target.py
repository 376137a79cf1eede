"""From `-e ENVIRONMENT` to the deployed system: its clients and its stack's outputs."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import boto3
import click
from botocore.config import Config
from botocore.exceptions import ClientError
from localstack_client.session import Session as LocalSession

from scripts.common.loopback import host_of, is_here
from stacks.config.environments import ENVIRONMENTS

LOCAL_ENV = Path(__file__).parents[2] / ".local" / "env"
ENDPOINT = "AWS_ENDPOINT_URL"  # of all services; of one, with its name behind
BOUNDED = Config(connect_timeout=5, read_timeout=30, retries={"mode": "standard", "total_max_attempts": 3})
# An operation takes its time, and one that is still at work is not begun a second time.
PATIENT = Config(connect_timeout=5, read_timeout=600, tcp_keepalive=True, retries={"total_max_attempts": 1})


class WrongUseError(click.ClickException):
    """The person has to change something; one line says what."""

    exit_code = 2


class OperationError(click.ClickException):
    """The operations function failed; one line says why."""

    exit_code = 3


@dataclass(frozen=True)
class Target:
    """A deployed environment."""

    name: str
    region: str
    endpoint: str | None
    """The local AWS endpoint, or None for AWS itself."""

    def client(self, service: str, config: Config = BOUNDED) -> Any:
        """Return a client of an AWS service, its time-outs bounded."""
        if self.endpoint:
            return LocalSession(localstack_host=urlsplit(self.endpoint).netloc).client(service, config=config)
        return boto3.client(service, region_name=self.region, config=config)  # type: ignore[call-overload]

    @cached_property
    def outputs(self) -> Mapping[str, str]:
        """What the service stack says of itself; raises WrongUseError where it is not deployed."""
        stack = f"{self.name}-service"
        try:
            [described] = self.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
        except ClientError as error:
            if error.response["Error"]["Code"] == "ValidationError":
                raise WrongUseError(f"{self.name} is not deployed: there is no stack {stack}") from None
            raise
        return {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}

    @property
    def api_url(self) -> str:
        """Where the API answers."""
        return urljoin(self.endpoint or "", self.outputs["ApiUrl"])

    def operate(self, operation: str, **arguments: Any) -> Any:
        """Run an operation in the function that reaches the private stores, and return its result.

        Raises OperationError, with the function's own words, when it fails there.
        """
        answer = self.client("lambda", PATIENT).invoke(
            FunctionName=self.outputs["OperationsFunction"],
            Payload=json.dumps({"operation": operation, **arguments}),
        )
        payload = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            raise OperationError(" ".join(f"{operation}: {payload.get('errorMessage', payload)}".split()))
        return payload["result"]


def find(name: str) -> Target:
    """Return the environment of that name; raises WrongUseError when it cannot be meant."""
    if name not in ENVIRONMENTS:
        raise WrongUseError(f"no environment {name!r}: there are {', '.join(ENVIRONMENTS)}")
    environment = ENVIRONMENTS[name]
    endpoints = {variable: value for variable, value in os.environ.items() if variable.startswith(ENDPOINT) and value}
    for variable, endpoint in endpoints.items():
        if not host_of(endpoint):
            raise WrongUseError(f"{variable} is no endpoint such as http://localhost:4566: {endpoint!r}")
    if not environment.local_endpoint:
        for variable, endpoint in endpoints.items():
            if is_here(host_of(endpoint)):
                raise WrongUseError(f"{variable} points to this machine, not to {name}: use a shell without .local/env")
        return Target(name, environment.region, endpoint=None)
    for variable in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE"):
        os.environ.pop(variable, None)  # of an account, and none is asked here
    return Target(name, environment.region, endpoints.get(ENDPOINT) or local_environment()[ENDPOINT])


def local_environment() -> dict[str, str]:
    """Return the variables that `make up` wrote; raises WrongUseError when it did not."""
    if not LOCAL_ENV.exists():
        raise WrongUseError("the laptop's cloud was not started: run `make up`")
    lines = (line.removeprefix("export ") for line in LOCAL_ENV.read_text().splitlines() if line.startswith("export "))
    return {name: value.strip("'") for name, _, value in (line.partition("=") for line in lines)}
