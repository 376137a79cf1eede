"""What each process is told: nothing of a person's own but what it needs."""

import os
import subprocess
from pathlib import Path

import pytest

from local import environment
from tests.hostile import ACCOUNTS, PROGRAMS

SET_FOR_INSTALLATION = {
    "HTTPS_PROXY": "http://proxy.example",
    "SSL_CERT_FILE": "/company.pem",
    "PIP_INDEX_URL": "http://index.example/simple",
    "UV_DEFAULT_INDEX": "http://index.example/simple",
    "npm_config_registry": "http://npm.example",
    "npm_config_//npm.example/:_authToken": "token",
    "NPM_TOKEN": "token",
}
CHANGES_THE_INSTALLATION = {
    **PROGRAMS,
    "npm_config_global": "true",
    "npm_config_omit": "dev",
    "UV_PYTHON": "2.7",
    "PIP_NO_BINARY": ":all:",
}


@pytest.fixture
def hostile(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (ACCOUNTS | CHANGES_THE_INSTALLATION | SET_FOR_INSTALLATION).items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("hostile")
def test_components_see_nothing_of_the_persons_own(tmp_path: Path) -> None:
    told = environment.of_components(tmp_path)
    # The three are there, and are ours.
    assert set(told) & set(ACCOUNTS | CHANGES_THE_INSTALLATION | SET_FOR_INSTALLATION) <= {
        "AWS_CONFIG_FILE",
        "LC_ALL",
        "TMPDIR",
        "TZ",
        "NO_PROXY",
        "no_proxy",
    }
    assert (told["AWS_CONFIG_FILE"], told["TZ"]) == (os.devnull, "UTC")


@pytest.mark.usefixtures("hostile")
def test_an_installation_comes_from_where_the_person_says_and_goes_where_we_say() -> None:
    told = environment.of_installation()
    assert {name: told[name] for name in SET_FOR_INSTALLATION} == SET_FOR_INSTALLATION
    ours = {"LC_ALL", "TMPDIR", "PIP_USER", "GATEWAY_PORT", "LAMBDA_EXECUTOR"}
    assert set(told) & set(CHANGES_THE_INSTALLATION) <= ours
    assert told["PIP_USER"] == "0"


@pytest.mark.usefixtures("hostile")
def test_cdk_installs_as_the_person_says_and_meets_no_account(tmp_path: Path) -> None:
    told = environment.of_cdk(tmp_path)
    assert told["PIP_INDEX_URL"] == SET_FOR_INSTALLATION["PIP_INDEX_URL"]
    assert {name for name in told if name.startswith(("AWS_", "PG"))} == set(environment.NO_ACCOUNT)


@pytest.mark.parametrize("name", ["no_proxy", "NO_PROXY"])
def test_a_persons_exceptions_from_the_proxy_stay_and_loopback_is_one(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for other in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv(name, "intranet.example")
    told = environment.of_components(tmp_path)
    assert told["no_proxy"] == told["NO_PROXY"] == "localhost,127.0.0.1,::1,intranet.example"


def test_without_a_home_to_write_to_the_tools_keep_their_files_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "HOME", "/nowhere")
    told = environment.of_installation()
    assert told["UV_CACHE_DIR"].startswith(str(environment.ROOT))
    assert told["npm_config_cache"].startswith(str(environment.ROOT))


def test_a_shell_takes_the_same_away_as_we_do() -> None:
    script = f"unset AWS_PROFILE $(env | sed -nE 's/^({environment.ACCOUNT})=.*/\\1/p'); env"
    result = subprocess.run(
        ["/bin/sh", "-euc", script], env=os.environ | ACCOUNTS, capture_output=True, text=True, check=True
    )
    left = {line.partition("=")[0] for line in result.stdout.splitlines()}
    assert {name for name in left if name.startswith(("AWS_", "PG"))} == set()
