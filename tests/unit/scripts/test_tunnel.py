"""The tunnel's calls to AWS, held against AWS's own models of them, and what the plugin is told."""

import json
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from scripts import tunnel
from scripts.common.target import WrongUseError
from tests.stubbed import Stubbed

HOST = "ledger.abc.us-east-1.rds.amazonaws.example"
PARAMETERS = {
    "postgres-host": HOST,
    "postgres-port": "5432",
    "postgres-dbname": "interaction_tracker",
    "graph-secret-arn": "arn:aws:secretsmanager:us-east-1:111111111111:secret:graph",
    "graph-auto-scaling-group-name": "graph-host",
}
PLUGIN = """#!/bin/sh
printf '%s\\n' "$AWS_SSM_START_SESSION_RESPONSE" "$@" >"$(dirname "$0")/told"
"""


@dataclass(frozen=True)
class Dev(Stubbed):
    """The environment dev, as far as a tunnel asks."""

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
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Install a plugin that writes down what it is told; return where."""
    plugin = tmp_path / tunnel.PLUGIN
    plugin.write_text(PLUGIN)
    plugin.chmod(plugin.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return tmp_path / "told"


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


def test_the_port_is_forwarded_by_the_running_host_to_the_store(dev: Dev, told: Path) -> None:
    dev.expect_parameters("graph-auto-scaling-group-name")
    dev.expect(
        "autoscaling",
        "describe_auto_scaling_groups",
        instances("Terminating", "InService"),
        {"AutoScalingGroupNames": ["graph-host"]},
    )
    asked = {
        "Target": "i-1",
        "DocumentName": "AWS-StartPortForwardingSessionToRemoteHost",
        "Parameters": {"host": [HOST], "portNumber": ["5432"], "localPortNumber": ["6000"]},
    }
    session = {"SessionId": "s-1", "TokenValue": "a token", "StreamUrl": "wss://stream.example"}
    dev.expect("ssm", "start_session", session, asked)
    dev.expect("ssm", "terminate_session", {"SessionId": "s-1"}, {"SessionId": "s-1"})
    tunnel.forward(dev, tunnel.Store(HOST, 5432, ""), port=6000)
    response, *arguments = told.read_text().splitlines()
    assert json.loads(response) == session
    assert arguments == [
        "AWS_SSM_START_SESSION_RESPONSE",
        "us-east-1",
        "StartSession",
        "",
        json.dumps(asked),
        dev.client("ssm").meta.endpoint_url,
    ]


def test_without_a_running_host_there_is_no_way_in(dev: Dev) -> None:
    dev.expect_parameters("graph-auto-scaling-group-name")
    asked = {"AutoScalingGroupNames": ["graph-host"]}
    dev.expect("autoscaling", "describe_auto_scaling_groups", instances("Pending"), asked)
    with pytest.raises(WrongUseError, match="not running"):
        tunnel.forward(dev, tunnel.Store(HOST, 5432, ""), port=6000)


def test_postgres_is_reached_with_a_token_and_its_certificate_is_checked(dev: Dev) -> None:
    dev.expect_parameters("postgres-host", "postgres-port", "postgres-dbname")
    store = tunnel.postgres(dev, "analyst")
    use = store.use.format(port=6000)
    assert (store.host, store.port) == (HOST, 5432)
    assert (
        f"host={HOST} hostaddr=127.0.0.1 port=6000 dbname=interaction_tracker user=analyst sslmode=verify-full" in use
    )
    assert use.startswith(f"PGPASSWORD='{HOST}:5432/?Action=connect&DBUser=analyst&")


def test_neo4js_password_stays_in_its_secret(dev: Dev) -> None:
    dev.expect_parameters("graph-secret-arn")
    login = {"uri": "bolt://graph.dev.internal:7687", "username": "neo4j", "password": "hidden-one"}
    asked = {"SecretId": PARAMETERS["graph-secret-arn"]}
    dev.expect("secretsmanager", "get_secret_value", {"SecretString": json.dumps(login)}, asked)
    store = tunnel.neo4j(dev)
    assert (store.host, store.port) == ("graph.dev.internal", 7687)
    assert "bolt+ssc://localhost:6000 -u neo4j" in store.use.format(port=6000)
    assert "hidden-one" not in store.use


def test_a_store_that_the_environment_did_not_make_is_said_to_be_missing(dev: Dev) -> None:
    name = "/interaction-tracker/dev/graph-secret-arn"
    dev.expect("ssm", "get_parameters", {"Parameters": [], "InvalidParameters": [name]}, {"Names": [name]})
    with pytest.raises(WrongUseError, match="graph-secret-arn is missing"):
        tunnel.neo4j(dev)


def test_prod_allows_no_tunnel() -> None:
    result = CliRunner(env={"AWS_ENDPOINT_URL": None}).invoke(tunnel.tunnel, ["-e", "prod", "postgres"])
    assert (result.exit_code, result.stderr) == (
        2,
        "Error: prod allows no tunnel: see `tunnel` in stacks/environments.py\n",
    )


def test_without_its_plugin_it_says_where_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    result = CliRunner(env={"AWS_ENDPOINT_URL": None}).invoke(tunnel.tunnel, ["-e", "dev", "neo4j"])
    assert result.exit_code == 2
    assert "session-manager-plugin is not installed: https://docs.aws.amazon.com/" in result.stderr


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return where `make up` would write, and take away the variables that a person may have set."""
    for name in sum(tunnel.LOCAL.values(), ()):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("scripts.common.target.LOCAL_ENV", tmp_path / "env")
    return tmp_path / "env"


def test_locally_what_was_started_counts_before_a_persons_variables(
    written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://elsewhere")
    assert tunnel.local_store("postgres") == {"DATABASE_URL": "postgresql://elsewhere"}
    written.write_text("export DATABASE_URL='postgresql://here'\n")
    assert tunnel.local_store("postgres") == {"DATABASE_URL": "postgresql://here"}


def test_locally_half_of_the_variables_are_none(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEO4J_URI", "bolt://elsewhere")
    with pytest.raises(WrongUseError, match="make up"):
        tunnel.local_store("neo4j")


def test_locally_it_prints_where_the_stores_are(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "NEO4J_URI", "NEO4J_USER", "NEO4J_PASSWORD"):
        monkeypatch.setenv(name, f"{name.lower()}-here")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://localhost:4566")
    result = CliRunner().invoke(tunnel.tunnel, ["-e", "local", "postgres"])
    assert (result.exit_code, result.output) == (0, "DATABASE_URL=database_url-here\n")
