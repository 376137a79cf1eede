"""Which deployment `-e` selects, calls of its operations, and the file that `make up` writes."""

import json
import os
import shlex
import socket
import subprocess
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from scripts.common.errors import OperationError, WrongUseError
from scripts.common.target import Target, find_target, read_local_environment
from tests.stubbed import Stubbed


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the person's own AWS variables, and replace the network's names."""
    monkeypatch.setattr("scripts.common.loopback.socket.getaddrinfo", resolve)
    for name in os.environ:
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)


def resolve(host: str, _port: None) -> list[tuple[Any, ...]]:
    """Stand in for the resolver."""
    known = {"localhost": ["::1", "127.0.0.1"], "my-laptop": ["127.0.1.1"], "sqs.example": ["192.0.2.1"]}
    if host not in known:
        raise socket.gaierror(socket.EAI_NONAME)
    return [(None, None, 0, "", (address, 0)) for address in known[host]]


@pytest.mark.usefixtures("plain")
@pytest.mark.parametrize(
    "host",
    ["localhost", "my-laptop", "127.0.0.1", "127.8.8.8", "0.0.0.0", "[::1]", "[::]", "[::ffff:127.0.0.1]"],  # noqa: S104
)
@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SQS"])
def test_an_account_is_never_reached_on_this_machine(variable: str, host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, f"http://{host}:4566")
    with pytest.raises(WrongUseError, match=f"^{variable} points to this machine"):
        find_target("dev")


@pytest.mark.usefixtures("plain")
def test_an_account_may_have_endpoints_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", "https://sqs.example")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "https://s3.example")
    assert find_target("dev").endpoint is None


@pytest.mark.usefixtures("plain")
@pytest.mark.parametrize("environment", ["local", "dev"])
@pytest.mark.parametrize("endpoint", ["localhost:4566", "localhost", "http://", "http:" + "//[x", "ftp://localhost"])
def test_an_invalid_endpoint_is_refused(environment: str, endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    with pytest.raises(WrongUseError, match="AWS_ENDPOINT_URL is not a URL"):
        find_target(environment)


@pytest.mark.usefixtures("plain")
def test_the_local_environment_ignores_profiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "work")
    monkeypatch.setenv("AWS_DEFAULT_PROFILE", "work")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    assert find_target("local").endpoint == "http://127.0.0.1:4566"
    assert not {"AWS_PROFILE", "AWS_DEFAULT_PROFILE"} & set(os.environ)


class InThreeCalls(Target):
    """A target whose operation takes three calls."""

    def operate(self, operation: str, *, cursor: int | None = None, **arguments: Any) -> Any:
        number = (cursor or 0) + 1
        return {"call": (operation, number, arguments), "cursor": number if number < 3 else None}


def test_an_operation_is_called_until_it_has_no_cursor() -> None:
    results = InThreeCalls("dev", "us-east-1", None).operate_in_calls("walk", user_id="a")
    assert [result["call"] for result in results] == [("walk", number, {"user_id": "a"}) for number in (1, 2, 3)]


@pytest.mark.parametrize("value", ["plain", "it's", "a b é", '"', "$HOME", "a\\b'c", "a=b#c", ""])
def test_the_environments_file_is_read_as_a_shell_reads_it(value: str, tmp_path: Path) -> None:
    file = tmp_path / "env"
    file.write_text(f"unset AWS_PROFILE $(true)\nexport VALUE={shlex.quote(value)}\n", encoding="utf-8")
    shell = ["sh", "-c", '. "$0"; printf %s "$VALUE"', str(file)]
    sourced = subprocess.run(shell, capture_output=True, check=True, timeout=10).stdout.decode()
    assert read_local_environment(file)["VALUE"] == sourced == value


def test_without_that_file_make_up_is_suggested(tmp_path: Path) -> None:
    with pytest.raises(WrongUseError, match="run `make up`"):
        read_local_environment(tmp_path / "env")


CALLER = "arn:aws:iam::111111111111:user/alice"


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Stubbed, list[float]]]:
    """Return a deployed environment, and the pauses that its calls make."""
    pauses: list[float] = []
    monkeypatch.setattr("scripts.common.target.time.sleep", pauses.append)
    target = Stubbed("dev", "us-east-1", endpoint=None)
    output = {"OutputKey": "OperationsFunction", "OutputValue": "operations"}
    stack = {"StackName": "dev-service", "StackStatus": "CREATE_COMPLETE", "CreationTime": 0, "Outputs": [output]}
    target.expect("cloudformation", "describe_stacks", {"Stacks": [stack]}, {"StackName": "dev-service"})
    target.expect("sts", "get_caller_identity", {"Arn": CALLER}, {})
    yield target, pauses
    target.assert_asked()


def test_an_output_that_a_stack_lacks_is_named() -> None:
    """As while its first deploy goes on, or when it is of an older release."""
    target = Stubbed("dev", "us-east-1", endpoint=None)
    stack = {"StackName": "dev-service", "StackStatus": "CREATE_IN_PROGRESS", "CreationTime": 0}
    target.expect("cloudformation", "describe_stacks", {"Stacks": [stack]}, {"StackName": "dev-service"})
    with pytest.raises(WrongUseError, match=r"^the stack dev-service \(CREATE_IN_PROGRESS\) has no output QueueUrl"):
        target.outputs["QueueUrl"]


def test_an_inactive_function_is_waited_for_with_a_word(
    deployed: tuple[Stubbed, list[float]], capsys: pytest.CaptureFixture[str]
) -> None:
    target, pauses = deployed
    target.refuse("lambda", "invoke", "ResourceNotReadyException")
    target.refuse("lambda", "invoke", "ResourceConflictException")  # while AWS restores it
    asked = {"FunctionName": "operations", "Payload": json.dumps({"operation": "stats", "caller": CALLER})}
    target.expect("lambda", "invoke", {"Payload": BytesIO(b'{"result": 5}')}, asked)
    assert target.operate("stats") == 5
    assert len(pauses) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert "2 minutes" in line


def test_an_inactive_function_is_waited_for_two_minutes(deployed: tuple[Stubbed, list[float]]) -> None:
    target, pauses = deployed
    for _ in range(25):
        target.refuse("lambda", "invoke", "ResourceNotReadyException")
    with pytest.raises(ClientError, match="ResourceNotReadyException"):
        target.operate("stats")
    assert sum(pauses) == 120


def test_an_operation_that_does_not_end_in_time_is_an_error_of_one_line(
    deployed: tuple[Stubbed, list[float]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An erasure then goes on with the next user."""
    target, _ = deployed

    def silent(_self: Target, _payload: str) -> Any:
        assert target.outputs
        raise ReadTimeoutError(endpoint_url="lambda")

    monkeypatch.setattr(Target, "_invoke", silent)
    with pytest.raises(OperationError, match=r"^erase: the operations function took too long to answer$"):
        target.operate("erase")


def test_another_error_is_not_waited_for(deployed: tuple[Stubbed, list[float]]) -> None:
    target, pauses = deployed
    target.refuse("lambda", "invoke", "AccessDeniedException")
    with pytest.raises(ClientError, match="AccessDeniedException"):
        target.operate("stats")
    assert pauses == []
