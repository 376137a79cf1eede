"""Times as arguments, and what a command prints when it fails or AWS cannot be called."""

import errno
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ParamValidationError

from scripts.common.cli import Time, command, environment_option, run
from scripts.common.errors import OperationError, WrongUseError
from tests.samples import NOW

NO_ACCOUNT = {
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@pytest.mark.parametrize(
    ("variables", "says"),
    [({}, "Unable to locate credentials"), ({"AWS_PROFILE": "nobody"}, "config profile (nobody) could not be found")],
)
def test_missing_credentials_are_one_line_and_exit_2(variables: dict[str, str], says: str) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    command = [str(Path(sys.executable).parent / "verify-graph"), "-e", "dev"]
    result = subprocess.run(
        command, env=environment | NO_ACCOUNT | variables, capture_output=True, text=True, timeout=60, check=False
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
def test_an_expired_session_is_exit_2_and_denied_access_exit_3(error: Exception, status: int) -> None:
    assert exit_code_of(error) == status


def exit_code_of(error: BaseException) -> int:
    """Run a command that raises this error; return its exit code."""

    @command()
    def failing() -> None:
        raise error

    return run(failing, [])


@pytest.mark.parametrize(
    ("error", "status", "says"),
    [
        (ValueError("Invalid endpoint: localhost:4566"), 2, "Invalid endpoint: localhost:4566"),
        (json.JSONDecodeError("no JSON", "", 0), 3, "no JSON: line 1 column 1 (char 0)"),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid"), 3, "'utf-8' codec"),
        (PermissionError(13, "Permission denied", "/x"), 3, "Permission denied: '/x'"),
        (ParamValidationError(report="one\ntwo"), 3, "one two"),
        (FileNotFoundError(2, "No such file", "a\x1b[2J"), 3, "'a\\x1b[2J'"),
        (OperationError("erase: \x1b]0;title\x07\n\u202e"), 3, "Error: erase: \\x1b]0;title\\x07 \\u202e"),
        (WrongUseError("a\x1b[2J, line 1: not a message"), 2, "Error: a\\x1b[2J, line 1: not a message"),
        (click.BadParameter("\x1b[2J"), 2, "\\x1b[2J"),
        (TimeoutError(), 3, "TimeoutError"),
        (EndpointConnectionError(endpoint_url="http://127.0.0.1:4566/"), 3, "`make up` starts it"),
    ],
)
def test_each_failure_is_one_line(error: Exception, status: int, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code_of(error) == status
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("Error: ")
    assert line.isprintable()
    assert says in line


def test_a_usage_error_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    @command()
    @environment_option
    def needs_environment(environment: str) -> None:
        raise AssertionError(environment)

    assert run(needs_environment, []) == 2
    assert capsys.readouterr().err == "Error: Missing option '-e' / '--environment'.\n"


def test_a_bug_prints_its_traceback_and_is_exit_3(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code_of(KeyError("gone")) == 3
    assert capsys.readouterr().err.startswith("Traceback")


@pytest.mark.parametrize(
    ("error", "says"),
    [(BrokenPipeError(errno.EPIPE, "Broken pipe"), ""), (KeyboardInterrupt(), "Error: interrupted\n")],
)
def test_a_closed_pipe_and_an_interrupt_are_exit_3(
    error: BaseException, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (exit_code_of(error), capsys.readouterr().err) == (3, says)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-05-01", datetime(2026, 5, 1, tzinfo=UTC)),
        ("2026-05-01T12:00", NOW),
        ("2026-05-01T14:00+02:00", NOW),
    ],
)
def test_a_time_without_an_offset_is_utc(text: str, time: datetime) -> None:
    assert Time().convert(text, None, None) == time


@pytest.mark.parametrize(("text", "minutes_ago"), [("90m", 90), ("12h", 720), ("3d", 4320)])
def test_a_time_may_be_relative(text: str, minutes_ago: int) -> None:
    before = datetime.now(UTC)
    time = Time().convert(text, None, None)
    assert before <= time + timedelta(minutes=minutes_ago) <= datetime.now(UTC)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("yesterday", "90m"),
        ("999999d", "90m"),
        ("2026-13-01", "90m"),
        ("40000d", "between the year 2000 and tomorrow"),
        ("0001-01-01T00:00+14:00", "between the year 2000 and tomorrow"),
        ("9999-12-31T23:59:59-01:00", "between the year 2000 and tomorrow"),
    ],
)
def test_an_invalid_time_is_refused(text: str, says: str) -> None:
    with pytest.raises(click.BadParameter, match=says):
        Time().convert(text, None, None)
