"""What a command says when AWS cannot be asked."""

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from scripts.target import run

WITHOUT = {
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@pytest.mark.parametrize(
    ("variables", "says"),
    [({}, "Unable to locate credentials"), ({"AWS_PROFILE": "nobody"}, "config profile (nobody) could not be found")],
)
def test_without_credentials_a_command_says_so_in_one_line_and_exits_2(variables: dict[str, str], says: str) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    command = [str(Path(sys.executable).parent / "verify-graph"), "-e", "dev"]
    result = subprocess.run(
        command, env=environment | WITHOUT | variables, capture_output=True, text=True, timeout=60, check=False
    )
    assert (result.returncode, result.stdout) == (2, "")
    [line] = result.stderr.splitlines()
    assert says in line
    assert "sign in to the environment's account" in line


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ClientError({"Error": {"Code": "ExpiredToken", "Message": "expired"}}, "Invoke"), 2),
        (ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "Invoke"), 3),
        (EndpointConnectionError(endpoint_url="there"), 3),
    ],
)
def test_a_session_that_is_over_is_wrong_use_and_a_refusal_is_a_failed_call(
    error: Exception, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    @click.command()
    def command() -> None:
        raise error

    monkeypatch.setattr(sys, "argv", ["command"])
    with pytest.raises(SystemExit) as ended:
        run(command)
    assert ended.value.code == status
