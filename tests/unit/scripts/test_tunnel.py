"""tunnel: its calls, checked against AWS's own models, and the plugin's arguments."""

import json
import socket
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from scripts import tunnel
from scripts.common.errors import OperationError, WrongUseError
from tests.stubbed import Stubbed

HOST = "ledger.abc.us-east-1.rds.amazonaws.example"
PARAMETERS = {
    "postgres-host": HOST,
    "postgres-port": "5432",
    "postgres-dbname": "interaction_tracker",
    "graph-secret-arn": "arn:aws:secretsmanager:us-east-1:111111111111:secret:graph",
    "graph-auto-scaling-group-name": "graph-host",
}
SESSION = {"SessionId": "s-1", "TokenValue": "a token", "StreamUrl": "wss://stream.example"}
PLUGIN = """#!/bin/sh
printf '%s\\n' "$AWS_SSM_START_SESSION_RESPONSE" "$@" >"$(dirname "$0")/arguments"
exit $PLUGIN_STATUS
"""


@dataclass(frozen=True)
class Dev(Stubbed):
    """The environment dev, as far as a tunnel needs it."""

    def expect_parameters(self, *names: str) -> None:
        full = {f"/interaction-tracker/dev/{name}": PARAMETERS[name] for name in names}
        answer = {"Parameters": [{"Name": name, "Value": value} for name, value in reversed(full.items())]}
        self.expect("ssm", "get_parameters", answer, {"Names": list(full)})


@pytest.fixture
def dev() -> Iterator[Dev]:
    target = Dev("dev", "us-east-1", endpoint=None)
    yield target
    target.assert_asked()


@pytest.fixture
def plugin_arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Install a plugin that writes its arguments into a file; return the file."""
    plugin = tmp_path / tunnel.PLUGIN
    plugin.write_text(PLUGIN)
    plugin.chmod(plugin.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return tmp_path / "arguments"


def instances(*states: str) -> dict[str, Any]:
    of_each = {"AvailabilityZone": "us-east-1a", "HealthStatus": "Healthy", "ProtectedFromScaleIn": False}
    found = [{"InstanceId": f"i-{n}", "LifecycleState": state, **of_each} for n, state in enumerate(states)]
    group = {
        "AutoScalingGroupName": "graph-host",
        "MinSize": 0,
        "MaxSize": 1,
        "DesiredCapacity": 1,
        "DefaultCooldown": 0,
        "AvailabilityZones": ["us-east-1a"],
        "HealthCheckType": "EC2",
        "CreatedTime": 0,
        "Instances": found,
    }
    return {"AutoScalingGroups": [group]}


def expect_session(dev: Dev) -> dict[str, Any]:
    """Expect a session through the running host; return its request."""
    dev.expect_parameters("graph-auto-scaling-group-name")
    dev.expect(
        "autoscaling",
        "describe_auto_scaling_groups",
        instances("Terminating", "InService"),
        {"AutoScalingGroupNames": ["graph-host"]},
    )
    output = {"OutputKey": "PostgresTunnel", "OutputValue": "dev-service-postgres"}
    stack = {"StackName": "dev-service", "CreationTime": 0, "StackStatus": "CREATE_COMPLETE", "Outputs": [output]}
    dev.expect("cloudformation", "describe_stacks", {"Stacks": [stack]}, {"StackName": "dev-service"})
    # The document names the store: there is no host to choose.
    request = {
        "Target": "i-1",
        "DocumentName": "dev-service-postgres",
        "Parameters": {"localPortNumber": ["6000"]},
    }
    dev.expect("ssm", "start_session", SESSION, request)
    dev.expect("ssm", "terminate_session", {"SessionId": "s-1"}, {"SessionId": "s-1"})
    return request


def test_the_running_host_forwards_the_port(dev: Dev, plugin_arguments: Path) -> None:
    request = expect_session(dev)
    tunnel.forward(dev, tunnel.Store(5432, "PostgresTunnel", ""), port=6000)
    response, *arguments = plugin_arguments.read_text().splitlines()
    assert json.loads(response) == SESSION
    assert arguments == [
        "AWS_SSM_START_SESSION_RESPONSE",
        "us-east-1",
        "StartSession",
        "",
        json.dumps(request),
        dev.client("ssm").meta.endpoint_url,
    ]


@pytest.mark.usefixtures("plugin_arguments")
def test_a_plugin_that_fails_is_an_error(dev: Dev, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLUGIN_STATUS", "7")
    expect_session(dev)
    with pytest.raises(OperationError, match="session-manager-plugin failed with exit code 7"):
        tunnel.forward(dev, tunnel.Store(5432, "PostgresTunnel", ""), port=6000)


def test_a_taken_port_is_refused(socket_enabled: None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(WrongUseError, match=f"port {port} of this machine: Address already in use"):
            tunnel.check_free(port)
    tunnel.check_free(port)


def test_a_running_host_is_needed(dev: Dev) -> None:
    dev.expect_parameters("graph-auto-scaling-group-name")
    asked = {"AutoScalingGroupNames": ["graph-host"]}
    dev.expect("autoscaling", "describe_auto_scaling_groups", instances("Pending"), asked)
    with pytest.raises(WrongUseError, match="not running"):
        tunnel.forward(dev, tunnel.Store(5432, "PostgresTunnel", ""), port=6000)


def test_postgres_gets_a_token_and_its_certificate_is_checked(dev: Dev) -> None:
    dev.expect_parameters("postgres-host", "postgres-port", "postgres-dbname")
    store = tunnel.find_postgres(dev, "analyst")
    use = store.command.format(port=6000)
    assert (store.port, store.document) == (5432, "PostgresTunnel")
    assert (
        f"host={HOST} hostaddr=127.0.0.1 port=6000 dbname=interaction_tracker user=analyst sslmode=verify-full" in use
    )
    assert use.startswith(f"PGPASSWORD='{HOST}:5432/?Action=connect&DBUser=analyst&")


def test_the_password_of_neo4j_stays_in_its_secret(dev: Dev) -> None:
    dev.expect_parameters("graph-secret-arn")
    login = {"uri": "bolt://graph.dev.internal:7687", "username": "neo4j", "password": "hidden-one"}
    asked = {"SecretId": PARAMETERS["graph-secret-arn"]}
    dev.expect("secretsmanager", "get_secret_value", {"SecretString": json.dumps(login)}, asked)
    store = tunnel.find_neo4j(dev)
    assert (store.port, store.document) == (7687, "GraphTunnel")
    assert "bolt+ssc://127.0.0.1:6000 -u neo4j" in store.command.format(port=6000)
    assert "hidden-one" not in store.command


def test_a_name_from_the_secret_is_one_word_of_a_shell(dev: Dev) -> None:
    dev.expect_parameters("graph-secret-arn")
    login = {"uri": "bolt://graph.dev.internal:7687", "username": "neo4j; touch /tmp/x", "password": "hidden-one"}
    asked = {"SecretId": PARAMETERS["graph-secret-arn"]}
    dev.expect("secretsmanager", "get_secret_value", {"SecretString": json.dumps(login)}, asked)
    assert " -u 'neo4j; touch /tmp/x' " in tunnel.find_neo4j(dev).command


def test_a_missing_store_is_named(dev: Dev) -> None:
    name = "/interaction-tracker/dev/graph-secret-arn"
    dev.expect("ssm", "get_parameters", {"Parameters": [], "InvalidParameters": [name]}, {"Names": [name]})
    with pytest.raises(WrongUseError, match="graph-secret-arn is missing"):
        tunnel.find_neo4j(dev)


def test_prod_allows_no_tunnel() -> None:
    result = CliRunner(env={"AWS_ENDPOINT_URL": None}).invoke(tunnel.tunnel, ["-e", "prod", "postgres"])
    assert (result.exit_code, result.stderr) == (
        2,
        "Error: prod allows no tunnel: see `tunnel` in stacks/config/environments.py\n",
    )


def test_a_missing_plugin_is_named_with_its_documentation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    result = CliRunner(env={"AWS_ENDPOINT_URL": None}).invoke(tunnel.tunnel, ["-e", "dev", "neo4j"])
    assert result.exit_code == 2
    assert "session-manager-plugin is not installed: https://docs.aws.amazon.com/" in result.stderr


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the path of the file that `make up` writes, and remove the person's own variables."""
    for logins in tunnel.LOCAL_VARIABLES.values():
        for name in sum(logins.values(), ()):
            monkeypatch.delenv(name, raising=False)
    return tmp_path / "env"


def test_the_file_of_make_up_counts_before_variables(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://elsewhere")
    assert tunnel.read_local_store("postgres", "owner", file) == {"DATABASE_URL": "postgresql://elsewhere"}
    file.write_text("export DATABASE_URL='postgresql://here'\n")
    assert tunnel.read_local_store("postgres", "owner", file) == {"DATABASE_URL": "postgresql://here"}


def test_a_file_of_an_older_version_is_named(file: Path) -> None:
    file.write_text("export DATABASE_URL='postgresql://here'\n")
    with pytest.raises(WrongUseError, match="without ANALYST_DATABASE_URL: run make up"):
        tunnel.read_local_store("postgres", file=file)


def test_all_variables_of_a_store_are_needed(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEO4J_URI", "bolt://elsewhere")
    with pytest.raises(WrongUseError, match="make up"):
        tunnel.read_local_store("neo4j", file=file)


@pytest.mark.parametrize(
    ("words", "status", "printed"),
    [
        ([], 0, "ANALYST_DATABASE_URL=as-analyst\n"),
        (["--user", "analyst"], 0, "ANALYST_DATABASE_URL=as-analyst\n"),
        (["--user", "app"], 0, "APP_DATABASE_URL=as-app\n"),
        (["--user", "owner"], 0, "DATABASE_URL=as-owner\n"),
        (["--user", "bob"], 2, "Error: no login for 'bob' here: there are analyst, app, owner\n"),
    ],
)
def test_locally_it_prints_the_login_of_the_user_that_was_named(
    monkeypatch: pytest.MonkeyPatch, words: list[str], status: int, printed: str
) -> None:
    known = {"ANALYST_DATABASE_URL": "as-analyst", "APP_DATABASE_URL": "as-app", "DATABASE_URL": "as-owner"}
    monkeypatch.setattr(tunnel, "read_local_environment", lambda _: known)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://localhost:4566")
    result = CliRunner().invoke(tunnel.tunnel, ["-e", "local", "postgres", *words])
    assert (result.exit_code, result.output) == (status, printed)
