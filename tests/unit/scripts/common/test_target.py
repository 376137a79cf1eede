"""Which deployment `-e` selects, calls of its operations, and the file that `make up` writes."""

import os
import shlex
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from scripts.common.errors import WrongUseError
from scripts.common.target import Target, find_target, read_local_environment


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
