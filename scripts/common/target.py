"""From `-e ENVIRONMENT` to the deployed system: its clients and its stack's outputs."""

import json
import os
import shlex
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import click

from local.environment import leave_accounts
from scripts.common.errors import OperationError, WrongUseError
from scripts.common.loopback import is_loopback, parse_host
from stacks.config.environments import ENVIRONMENTS

LOCAL_ENV = Path(__file__).parents[2] / ".local" / "env"
KEYS = ("access_key_id", "secret_access_key")
ENDPOINT = "AWS_ENDPOINT_URL"  # of all services; a service's own variable has its name appended
Settings = Mapping[str, Any]
SHORT_CALLS: Settings = {
    "connect_timeout": 5,
    "read_timeout": 30,
    "retries": {"mode": "standard", "total_max_attempts": 3},
}
# An operation may take minutes, and must not be started a second time while it runs.
LONG_CALLS: Settings = {
    "connect_timeout": 5,
    "read_timeout": 600,
    "tcp_keepalive": True,
    "retries": {"total_max_attempts": 1},
}
INACTIVE_WAITS, INACTIVE_WAIT_SECONDS = 24, 5  # together two minutes


class _Outputs(dict[str, str]):
    """A stack's outputs. It lacks them until its first deploy has ended; an older release has fewer."""

    def __init__(self, outputs: Mapping[str, str], *, stack: str) -> None:
        super().__init__(outputs)
        self._stack = stack

    def __missing__(self, name: str) -> str:
        raise WrongUseError(f"the stack {self._stack} has no output {name}: deploy this version to its end")


@dataclass(frozen=True)
class Target:
    """A deployed environment."""

    name: str
    region: str
    endpoint: str | None = None
    """The local AWS endpoint, or None for AWS itself."""
    access_key_id: str = field(default="test", kw_only=True)
    secret_access_key: str = field(default="test", kw_only=True)
    """Credentials of the local endpoint; most emulators take any."""
    front: str | None = field(default=None, kw_only=True)
    """Where the API of the local endpoint answers."""

    @classmethod
    def local(cls, variables: Mapping[str, str]) -> Self:
        """Return the laptop's environment as these variables tell where it is and how to sign."""
        keys = {name: variables[f"AWS_{name.upper()}"] for name in KEYS if variables.get(f"AWS_{name.upper()}")}
        front = variables.get("API_URL")
        return cls("local", ENVIRONMENTS["local"].region, variables[ENDPOINT], front=front, **keys)

    def client(self, service: str, settings: Settings = SHORT_CALLS) -> Any:
        """Return a client of an AWS service with bounded time-outs."""
        import boto3
        from botocore.config import Config
        from localstack_client.session import Session as LocalSession

        config = Config(**settings)
        if self.endpoint:
            keys = {f"aws_{name}": getattr(self, name) for name in KEYS}
            host = urlsplit(self.endpoint).netloc
            return LocalSession(**keys, localstack_host=host).client(service, config=config)
        return boto3.client(service, region_name=self.region, config=config)  # type: ignore[call-overload]

    @cached_property
    def outputs(self) -> Mapping[str, str]:
        """The outputs of the service stack; raises WrongUseError if it is not deployed, and for one that it lacks."""
        from botocore.exceptions import ClientError

        stack = f"{self.name}-service"
        try:
            [described] = self.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
        except ClientError as error:
            if error.response["Error"]["Code"] == "ValidationError":
                raise WrongUseError(f"{self.name} is not deployed: there is no stack {stack}") from None
            raise
        outputs = {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}
        return _Outputs(outputs, stack=f"{stack} ({described['StackStatus']})")

    @property
    def api_url(self) -> str:
        """Where the API answers, without a slash at the end."""
        return (self.front or self.outputs["ApiUrl"]).rstrip("/")

    @cached_property
    def caller(self) -> str:
        """The ARN of whoever runs the command, for the log of the operations function."""
        return str(self.client("sts").get_caller_identity()["Arn"])

    def operate(self, operation: str, **arguments: Any) -> Any:
        """Run an operation in the function that reaches the private stores, and return its result.

        Raises OperationError with the function's own message if it fails there, and if it does not end in time.
        """
        from botocore.exceptions import ReadTimeoutError

        try:
            answer = self._invoke(json.dumps({"operation": operation, "caller": self.caller, **arguments}))
        except ReadTimeoutError:
            raise OperationError(f"{operation}: the operations function took too long to answer") from None
        payload = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            raise OperationError(" ".join(f"{operation}: {payload.get('errorMessage', payload)}".split()))
        return payload["result"]

    def _invoke(self, payload: str) -> Any:
        """Invoke the operations function; a function in a VPC becomes inactive when it is idle for two weeks."""
        functions = self.client("lambda", LONG_CALLS)
        invoke = partial(functions.invoke, FunctionName=self.outputs["OperationsFunction"], Payload=payload)
        for wait in range(INACTIVE_WAITS):
            try:
                return invoke()
            except (functions.exceptions.ResourceNotReadyException, functions.exceptions.ResourceConflictException):
                if wait == 0:
                    click.echo(
                        "the function was idle for weeks: AWS restores it, which takes up to 2 minutes", err=True
                    )
                time.sleep(INACTIVE_WAIT_SECONDS)
        return invoke()

    def operate_in_calls(self, operation: str, *, cursor: Any = None, **arguments: Any) -> Iterator[Any]:
        """Run an operation that takes several calls; yield each call's result, until one has no cursor."""
        while True:
            result = self.operate(operation, cursor=cursor, **arguments)
            yield result
            cursor = result["cursor"]
            if cursor is None:
                return


def find_target(name: str) -> Target:
    """Return the environment of that name; raises WrongUseError if there is none or the endpoint contradicts it."""
    if name not in ENVIRONMENTS:
        raise WrongUseError(f"no environment {name!r}: there are {', '.join(ENVIRONMENTS)}")
    environment = ENVIRONMENTS[name]
    endpoints = {variable: value for variable, value in os.environ.items() if variable.startswith(ENDPOINT) and value}
    for variable, endpoint in endpoints.items():
        if not parse_host(endpoint):
            raise WrongUseError(f"{variable} is not a URL such as http://localhost:4566: {endpoint!r}")
    if not environment.local_endpoint:
        for variable, endpoint in endpoints.items():
            if is_loopback(parse_host(endpoint)):
                raise WrongUseError(f"{variable} points to this machine, not to {name}: use a shell without .local/env")
        return Target(name, environment.region, endpoint=None)
    # The credentials come from where the endpoint does.
    target = Target.local(os.environ if ENDPOINT in endpoints else read_local_environment())
    leave_accounts()
    return target


def read_local_environment(file: Path = LOCAL_ENV) -> dict[str, str]:
    """Return the variables that `make up` wrote; raises WrongUseError if it did not."""
    if not file.exists():
        raise WrongUseError("the laptop's cloud was not started: run `make up`")
    # The file is for a shell, so it is read by a shell's rules of quoting.
    words = shlex.split(file.read_text(encoding="utf-8"), comments=True)
    return dict(word.split("=", 1) for word in words if "=" in word)
