"""tunnel: a port on this machine to a store that only the environment's own network reaches."""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import click

from scripts.common.cli import command, environment_option, run
from scripts.common.target import Target, WrongUseError, find, local_environment
from stacks.config.environments import ENVIRONMENTS

PLUGIN = "session-manager-plugin"
GET_PLUGIN = (
    "https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-working-with-install-plugin.html"
)
DOCUMENT = "AWS-StartPortForwardingSessionToRemoteHost"
HANDED_OVER = "AWS_SSM_START_SESSION_RESPONSE"  # the plugin reads the session's token there: `ps` shows arguments
LOCAL = {"postgres": ("DATABASE_URL",), "neo4j": ("NEO4J_URI", "NEO4J_USER", "NEO4J_PASSWORD")}


@dataclass(frozen=True)
class Store:
    """Where a store is, seen from its network, and how to use a tunnel to it; {port} is this machine's."""

    host: str
    port: int
    use: str


@command()
@environment_option
@click.argument("store", type=click.Choice(["postgres", "neo4j"]))
@click.option("--port", type=click.IntRange(1, 65535), help="On this machine; by default the store's own.")
@click.option("--user", default="analyst", show_default=True, help="Postgres' role to log in as.")
def tunnel(environment: str, store: str, port: int | None, user: str) -> None:
    """Open a port on this machine to a private store, through Session Manager, until Ctrl-C.

    It prints what to connect with. It needs AWS's session-manager-plugin and the right to ssm:StartSession on the
    graph's host. An environment may forbid it; prod does. Locally the stores are on this machine already: it prints
    where.
    """
    target = find(environment)
    if target.endpoint:
        if port:
            raise WrongUseError("--port is for stores elsewhere: LOCAL_POSTGRES_PORT and LOCAL_NEO4J_PORT set these")
        click.echo("\n".join(f"{name}={value}" for name, value in local_store(store).items()))
        return
    if not ENVIRONMENTS[environment].tunnel:
        raise WrongUseError(f"{environment} allows no tunnel: see `tunnel` in stacks/environments.py")
    if not shutil.which(PLUGIN):
        raise WrongUseError(f"{PLUGIN} is not installed: {GET_PLUGIN}")
    found = postgres(target, user) if store == "postgres" else neo4j(target)
    click.echo(found.use.format(port=port or found.port))
    forward(target, found, port=port or found.port)


def local_store(store: str) -> dict[str, str]:
    """Return the variables that say where the store on this machine is.

    `make up` knows; where it was not run, the person's own variables say it, all of them or none.
    """
    try:
        values = local_environment()
    except WrongUseError:
        values = dict(os.environ)
        if not values.keys() >= set(LOCAL[store]):
            raise
    return {name: values[name] for name in LOCAL[store]}


def postgres(target: Target, user: str) -> Store:
    """Find Postgres; a login there is an IAM token, which lives 15 minutes and is signed on this machine."""
    host, port, name = _parameters(target, "postgres-host", "postgres-port", "postgres-dbname")
    token = target.client("rds").generate_db_auth_token(DBHostname=host, Port=int(port), DBUsername=user)
    # The certificate names the host, and is checked against it, though the connection goes to this machine.
    where = f"host={host} hostaddr=127.0.0.1 port={{port}} dbname={name} user={user} sslmode=verify-full"
    return Store(host, int(port), f"PGPASSWORD='{token}' psql '{where} sslrootcert=runtime/chalicelib/rds-ca.pem'")


def neo4j(target: Target) -> Store:
    """Find Neo4j. Community has one user, who may write, too: the password stays in its secret."""
    [secret] = _parameters(target, "graph-secret-arn")
    login = json.loads(target.client("secretsmanager").get_secret_value(SecretId=secret)["SecretString"])
    address = urlsplit(login["uri"])
    use = f"cypher-shell -a bolt+ssc://localhost:{{port}} -u {login['username']}   # its password: secret {secret}"
    return Store(str(address.hostname), address.port or 7687, use)


def forward(target: Target, store: Store, *, port: int) -> None:
    """Forward this machine's port to the store, by way of the graph's host, until the plugin ends."""
    sessions = target.client("ssm")
    asked = {
        "Target": _graph_host(target),
        "DocumentName": DOCUMENT,
        "Parameters": {"host": [store.host], "portNumber": [str(store.port)], "localPortNumber": [str(port)]},
    }
    session = sessions.start_session(**asked)
    told = {name: session[name] for name in ("SessionId", "TokenValue", "StreamUrl")}
    try:
        # Its arguments are those that AWS's own command line gives it.
        subprocess.run(  # noqa: S603
            [PLUGIN, HANDED_OVER, target.region, "StartSession", "", json.dumps(asked), sessions.meta.endpoint_url],
            env=os.environ | {HANDED_OVER: json.dumps(told)},
            check=False,
        )
    finally:
        sessions.terminate_session(SessionId=session["SessionId"])


def _graph_host(target: Target) -> str:
    """Return the instance that reaches both stores."""
    [group] = _parameters(target, "graph-auto-scaling-group-name")
    answer = target.client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[group])
    instances: list[dict[str, Any]] = [one for found in answer["AutoScalingGroups"] for one in found["Instances"]]
    for instance in instances:
        if instance["LifecycleState"] == "InService":
            return str(instance["InstanceId"])
    raise WrongUseError(f"{target.name}: the graph's host is not running, and it is the way in")


def _parameters(target: Target, *names: str) -> list[str]:
    """Read what the data stack handed over."""
    full = [f"/interaction-tracker/{target.name}/{name}" for name in names]
    answer = target.client("ssm").get_parameters(Names=full)
    if missing := answer.get("InvalidParameters"):
        raise WrongUseError(f"{target.name} has no store of its own there: {', '.join(missing)} is missing")
    values = {parameter["Name"]: parameter["Value"] for parameter in answer["Parameters"]}
    return [values[name] for name in full]


def main() -> None:
    """Run the command."""
    run(tunnel)
