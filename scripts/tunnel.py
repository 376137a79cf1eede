"""tunnel: forward a port of this machine to a private store."""

import json
import os
import shlex
import shutil
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from scripts.common.cli import command, environment_option
from scripts.common.console import printable
from scripts.common.errors import OperationError, WrongUseError
from scripts.common.target import LOCAL_ENV, Target, find_target, read_local_environment
from stacks.common.names import BOLT, GRAPH_TUNNEL, POSTGRES_TUNNEL, parameter_path
from stacks.config.environments import ENVIRONMENTS

PLUGIN = "session-manager-plugin"
PLUGIN_DOCUMENTATION = (
    "https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-working-with-install-plugin.html"
)
RESPONSE_VARIABLE = "AWS_SSM_START_SESSION_RESPONSE"  # for the session's token: `ps` shows arguments to all users
ANALYST = "analyst"
LOCAL_VARIABLES: dict[str, dict[str, tuple[str, ...]]] = {
    "postgres": {ANALYST: ("ANALYST_DATABASE_URL",), "app": ("APP_DATABASE_URL",), "owner": ("DATABASE_URL",)},
    "neo4j": {ANALYST: ("NEO4J_URI", "NEO4J_USER", "NEO4J_PASSWORD")},
}


@dataclass(frozen=True)
class Store:
    """A store's port, the output with the document that forwards to it, and a command that uses the tunnel.

    {port} in the command stands for this machine's port.
    """

    port: int
    document: str
    command: str


@command()
@environment_option
@click.argument("store", type=click.Choice(["postgres", "neo4j"]))
@click.option("--port", type=click.IntRange(1, 65535), help="Port on this machine; the default is the store's own.")
@click.option("--user", help="Postgres role to log in as; the default is analyst.")
def tunnel(environment: str, store: str, port: int | None, user: str | None) -> None:
    """Forward a port of this machine to a private store, through Session Manager, until Ctrl-C.

    It prints a command that connects. It needs AWS's session-manager-plugin and permission for ssm:StartSession on the
    graph's host. An environment may forbid it; prod does. With -e local it only prints where the stores are.
    """
    target = find_target(environment)
    if user and store == "neo4j":
        raise WrongUseError("--user is for a tunnel to Postgres")
    if target.endpoint:
        if port:
            raise WrongUseError("no tunnel is needed: `make up` takes LOCAL_POSTGRES_PORT and LOCAL_NEO4J_PORT")
        click.echo("\n".join(f"{name}={value}" for name, value in read_local_store(store, user or ANALYST).items()))
        return
    if not ENVIRONMENTS[environment].tunnel:
        raise WrongUseError(f"{environment} allows no tunnel: see `tunnel` in stacks/config/environments.py")
    if not shutil.which(PLUGIN):
        raise WrongUseError(f"{PLUGIN} is not installed: {PLUGIN_DOCUMENTATION}")
    found = find_postgres(target, user or ANALYST) if store == "postgres" else find_neo4j(target)
    check_free(port or found.port)
    click.echo(printable(found.command.replace("{port}", str(port or found.port))))
    forward(target, found, port=port or found.port)


def read_local_store(store: str, user: str = ANALYST, file: Path = LOCAL_ENV) -> dict[str, str]:
    """Return the variables with the address of the store on this machine and that user's login.

    They come from the file that `make up` wrote; without it, from the person's own variables if all are set.
    """
    if user not in LOCAL_VARIABLES[store]:
        raise WrongUseError(f"no login for {user!r} here: there are {', '.join(LOCAL_VARIABLES[store])}")
    names = LOCAL_VARIABLES[store][user]
    try:
        values = read_local_environment(file)
    except WrongUseError:
        values = dict(os.environ)
        if not values.keys() >= set(names):
            raise
    if missing := [name for name in names if name not in values]:
        raise WrongUseError(f"{file} is of an older version, without {', '.join(missing)}: run make up")
    return {name: values[name] for name in names}


def find_postgres(target: Target, user: str) -> Store:
    """Find Postgres; its password is an IAM token, valid for 15 minutes and signed on this machine."""
    host, port, name = _parameters(target, "postgres-host", "postgres-port", "postgres-dbname")
    token = target.client("rds").generate_db_auth_token(DBHostname=host, Port=int(port), DBUsername=user)
    # The certificate is checked against the host's name, although the connection goes to this machine.
    where = f"host={host} hostaddr=127.0.0.1 port={{port}} dbname={name} user={user} sslmode=verify-full"
    return Store(
        int(port), POSTGRES_TUNNEL, f"PGPASSWORD='{token}' psql '{where} sslrootcert=runtime/chalicelib/rds-ca.pem'"
    )


def find_neo4j(target: Target) -> Store:
    """Find Neo4j. Its only user may also write, so the password stays in its secret."""
    [secret] = _parameters(target, "graph-secret-arn")
    login = json.loads(target.client("secretsmanager").get_secret_value(SecretId=secret)["SecretString"])
    address = urlsplit(login["uri"])
    user = shlex.quote(login["username"])
    # Not `localhost`: that is ::1 first, where the plugin does not listen and another user of the machine may.
    command = f"cypher-shell -a bolt+ssc://127.0.0.1:{{port}} -u {user}   # password: secret {secret}"
    return Store(address.port or BOLT, GRAPH_TUNNEL, command)


def check_free(port: int) -> None:
    """Raise WrongUseError if the port is taken: the plugin says so and ends as if all were well."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise WrongUseError(f"port {port} of this machine: {error.strerror}; --port names another") from None


def forward(target: Target, store: Store, *, port: int) -> None:
    """Forward this machine's port to the store, through the graph's host, until the plugin ends.

    Raises OperationError if the plugin fails.
    """
    ssm = target.client("ssm")
    request = {
        "Target": _graph_host(target),
        "DocumentName": target.outputs[store.document],
        "Parameters": {"localPortNumber": [str(port)]},
    }
    session = ssm.start_session(**request)
    response = {name: session[name] for name in ("SessionId", "TokenValue", "StreamUrl")}
    # AWS's own command line passes the same arguments.
    arguments = [RESPONSE_VARIABLE, target.region, "StartSession", "", json.dumps(request), ssm.meta.endpoint_url]
    try:
        variables = os.environ | {RESPONSE_VARIABLE: json.dumps(response)}
        ended = subprocess.run([PLUGIN, *arguments], env=variables, check=False)  # noqa: S603
    finally:
        ssm.terminate_session(SessionId=session["SessionId"])
    if ended.returncode:
        raise OperationError(f"{PLUGIN} failed with exit code {ended.returncode}")


def _graph_host(target: Target) -> str:
    """Return the id of the instance that reaches both stores."""
    [group] = _parameters(target, "graph-auto-scaling-group-name")
    answer = target.client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[group])
    instances: list[dict[str, Any]] = [one for found in answer["AutoScalingGroups"] for one in found["Instances"]]
    for instance in instances:
        if instance["LifecycleState"] == "InService":
            return str(instance["InstanceId"])
    raise WrongUseError(f"{target.name}: the graph's host is not running, and the tunnel goes through it")


def _parameters(target: Target, *names: str) -> list[str]:
    """Return these parameters of the data stack."""
    full = [f"/{parameter_path(target.name)}/{name}" for name in names]
    answer = target.client("ssm").get_parameters(Names=full)
    if missing := answer.get("InvalidParameters"):
        raise WrongUseError(f"{target.name} did not deploy this store: {', '.join(missing)} is missing")
    values = {parameter["Name"]: parameter["Value"] for parameter in answer["Parameters"]}
    return [values[name] for name in full]
