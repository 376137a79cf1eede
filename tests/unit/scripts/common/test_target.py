"""Which deployment is meant, and what a command says when it fails or AWS cannot be asked."""

import errno
import io
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ParamValidationError

from scripts.common.cli import command, environment_option, run
from scripts.common.output_files import check_new_output, check_output
from scripts.common.target import WrongUseError, find

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
    assert ended(error, monkeypatch) == status


def ended(error: Exception, monkeypatch: pytest.MonkeyPatch) -> object:
    """Run a command that ends with this error; return its status."""

    @command()
    def failing() -> None:
        raise error

    monkeypatch.setattr(sys, "argv", ["command"])
    with pytest.raises(SystemExit) as end:
        run(failing)
    return end.value.code


@pytest.mark.parametrize(
    ("error", "status", "says"),
    [
        (ValueError("Invalid endpoint: localhost:4566"), 2, "Invalid endpoint: localhost:4566"),
        (json.JSONDecodeError("no JSON", "", 0), 3, "no JSON: line 1 column 1 (char 0)"),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid"), 3, "'utf-8' codec"),
        (PermissionError(13, "Permission denied", "/x"), 3, "Permission denied: '/x'"),
        (ParamValidationError(report="one\ntwo"), 3, "one two"),
        (TimeoutError(), 3, "TimeoutError"),
        (EndpointConnectionError(endpoint_url="http://127.0.0.1:4566/"), 3, "`make up` starts it"),
    ],
)
def test_any_failure_is_one_line(
    error: Exception, status: int, says: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(error, monkeypatch) == status
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("Error: ")
    assert says in line


def test_wrong_words_are_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    @command()
    @environment_option
    def wanted(environment: str) -> None:
        raise AssertionError(environment)

    monkeypatch.setattr(sys, "argv", ["wanted"])
    with pytest.raises(SystemExit) as end:
        run(wanted)
    assert end.value.code == 2
    assert capsys.readouterr().err == "Error: Missing option '-e' / '--environment'.\n"


def test_a_fault_of_ours_is_told_at_length_and_is_no_answer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(KeyError("gone"), monkeypatch) == 3
    assert capsys.readouterr().err.startswith("Traceback")


def test_a_command_that_nobody_reads_any_more_ends_in_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    errors = io.StringIO()
    monkeypatch.setattr(sys, "stdout", io.StringIO())  # click puts something in its place
    monkeypatch.setattr(sys, "stderr", errors)
    assert ended(BrokenPipeError(errno.EPIPE, "Broken pipe"), monkeypatch) == 1
    assert not errors.getvalue()


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away the variables that a person may have set, and the network's names."""
    monkeypatch.setattr("scripts.common.loopback.socket.getaddrinfo", looked_up)
    for name in os.environ:
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)


def looked_up(host: str, _port: None) -> list[tuple[Any, ...]]:
    """Stand in for the machine's own names."""
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
def test_an_account_is_not_asked_on_this_machine(variable: str, host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, f"http://{host}:4566")
    with pytest.raises(WrongUseError, match=f"^{variable} points to this machine"):
        find("dev")


@pytest.mark.usefixtures("plain")
def test_an_endpoint_elsewhere_is_an_accounts_own_business(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", "https://sqs.example")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "https://s3.example")
    assert find("dev").endpoint is None


@pytest.mark.usefixtures("plain")
@pytest.mark.parametrize("environment", ["local", "dev"])
@pytest.mark.parametrize("endpoint", ["localhost:4566", "localhost", "http://", "http:" + "//[x", "ftp://localhost"])
def test_what_is_no_endpoint_is_wrong_use(environment: str, endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    with pytest.raises(WrongUseError, match="AWS_ENDPOINT_URL is no endpoint"):
        find(environment)


@pytest.mark.usefixtures("plain")
def test_locally_no_profile_of_an_account_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "work")
    monkeypatch.setenv("AWS_DEFAULT_PROFILE", "work")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    assert find("local").endpoint == "http://127.0.0.1:4566"
    assert not {"AWS_PROFILE", "AWS_DEFAULT_PROFILE"} & set(os.environ)


def test_where_no_file_can_be_is_told_before(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "nope" / "x", tmp_path / "file" / "x", tmp_path, tmp_path / ("x" * 999)):
        with pytest.raises(WrongUseError):
            check_output(path)
    check_output(tmp_path / "file")
    check_new_output(tmp_path / "new")
    with pytest.raises(WrongUseError, match="exists"):
        check_new_output(tmp_path / "file")
