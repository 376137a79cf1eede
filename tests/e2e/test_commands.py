"""The commands, started as processes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from local.up import LANES
from tests.commands import run_redirected
from tests.e2e.conftest import EMAIL, PASSWORD, System
from tests.hostile import ACCOUNTS

COMMANDS = Path(sys.executable).parent


def run(system: System, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | system.environment | variables
    command = [str(COMMANDS / words[0]), *words[1:]]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_only_the_token_is_printed(system: System, token: str) -> None:
    result = run(system, "get-bearer-token", "-e", "local", EMAIL, PASSWORD)
    assert (result.returncode, result.stderr) == (0, "")
    assert [len(part) > 0 for part in result.stdout.strip().split(".")] == [True] * 3


def test_a_wrong_password_is_one_line(system: System, token: str) -> None:
    result = run(system, "get-bearer-token", "-e", "local", EMAIL, "wrong")
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == f"Error: local knows no user {EMAIL} with this password\n"


def test_a_user_is_created_once_and_the_generated_password_works(system: System) -> None:
    first = run(system, "create-user", "-e", "local", "dan@example.com")
    password = first.stdout.strip().rpartition(" ")[2]
    assert run(system, "get-bearer-token", "-e", "local", "dan@example.com", password).returncode == 0
    again = run(system, "create-user", "-e", "local", "dan@example.com")
    expected = "dan@example.com exists already; nothing was changed: --replace-password sets a new password\n"
    assert again.stdout == expected


def test_a_refused_password_leaves_no_user(system: System) -> None:
    assert run(system, "create-user", "-e", "local", "erin@example.com", "--password", "short").returncode == 2
    assert run(system, "create-user", "-e", "local", "erin@example.com").stdout.startswith("created erin@example.com")


def test_settings_for_accounts_and_proxies_do_not_reach_the_local_environment(system: System, token: str) -> None:
    result = run(system, "get-bearer-token", "-e", "local", EMAIL, PASSWORD, **ACCOUNTS)
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (["get-bearer-token", "-e", "nowhere", "a", "b"], 2, "no environment 'nowhere'"),
        (["get-bearer-token", EMAIL], 2, "Missing option '-e'"),
        (["create-user", "-e", "local", "not-an-address"], 2, "not-an-address"),
        (["create-user", "-e", "local", EMAIL, "--password", "short", "--replace-password"], 2, "Password"),
    ],
)
def test_wrong_use_is_one_line_and_exit_2(system: System, token: str, words: list[str], status: int, says: str) -> None:
    result = run(system, *words)
    assert result.returncode == status
    assert says in result.stderr.splitlines()[-1]


def test_an_unreachable_endpoint_is_exit_3(system: System) -> None:
    result = run(system, "create-user", "-e", "local", EMAIL, AWS_ENDPOINT_URL="http://127.0.0.1:9")
    assert result.returncode == 3
    assert result.stderr.startswith("Error: ")


@pytest.mark.parametrize(("command", "words"), [one for lane in LANES for one in lane.items()])
def test_an_output_on_a_full_disk_is_exit_3(system: System, command: str, words: tuple[str, ...]) -> None:
    result = run_redirected(command, ">/dev/full", "-e", "local", *words, **system.environment)
    assert result.returncode == 3
    assert "No space left on device" in result.stderr.splitlines()[-1]


@pytest.mark.parametrize("words", [("export-user", "alice@example.com", "-o"), ("stats", "--html")])
def test_a_file_on_a_full_disk_is_exit_3_and_not_there(system: System, words: tuple[str, ...], tmp_path: Path) -> None:
    limited = ["sh", "-c", 'ulimit -f 0; exec "$0" "$@"', str(COMMANDS / words[0])]
    result = subprocess.run(
        [*limited, "-e", "local", *words[1:], str(tmp_path / "file")],
        env=os.environ | system.environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (result.returncode, list(tmp_path.iterdir())) == (3, [])
    assert "File too large" in result.stderr.splitlines()[-1]
