"""Neo4j from its jars with the settings, the memory and the certificate that its container gets on AWS."""

import os
import re
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import neo4j
import psutil
import pytest
import requests
from neo4j.exceptions import DriverError
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from chalicelib.graph.client import Graph, GraphUnavailableError, RowsBusyError, connect
from chalicelib.ledger.ledger import Row
from chalicelib.projection.projector import changes
from local import environment
from local.neo4j import USER, Neo4j
from stacks.config.environments import DEV
from tests.conftest import QUICK_TO_START
from tests.infra.synthesis import data_stack
from tests.samples import ARTIFACT, NOW

HOST_SETUP = Path(__file__).parents[2] / "stacks" / "data" / "neo4j" / "host.sh"
PASSWORD = "only-for-this-test"  # noqa: S105
MIB = 1 << 20


@dataclass(frozen=True)
class Container:
    """What ECS gives the container in dev."""

    memory_mib: int
    stop_seconds: int
    settings: dict[str, str]
    """Neo4j's settings, as the image's entry point makes them of the variables."""


def container() -> Container:
    _, task = data_stack(DEV).one("AWS::ECS::TaskDefinition", starting="GraphTask")
    [found] = task["Properties"]["ContainerDefinitions"]
    settings = {
        variable["Name"].removeprefix("NEO4J_").replace("_", ".").replace("..", "_"): variable["Value"]
        for variable in found["Environment"]
        if variable["Name"].startswith("NEO4J_")
    }
    return Container(found["Memory"], found["StopTimeout"], settings)


def make_certificate(folder: Path) -> str:
    """Run the commands of host.sh that make the certificate."""
    folder.mkdir(parents=True)
    [command] = re.findall(r"^    (openssl req (?:.*\\\n)*.*)$", HOST_SETUP.read_text(), re.MULTILINE)
    script = f"name=localhost\n{command}"
    subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=folder, check=True)  # noqa: S607
    return (folder / "public.crt").read_text()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


@dataclass(frozen=True, kw_only=True)
class ContainersNeo4j(Neo4j):
    """The server with the container's settings; only the paths and the ports are this machine's."""

    given: Container
    http_port: int = field(default_factory=free_port)

    @property
    def settings(self) -> Mapping[str, object]:
        return {
            **self.given.settings,
            "dbms.ssl.policy.bolt.base_directory": str(self.folder / "ssl" / "bolt"),
            "server.bolt.listen_address": f"127.0.0.1:{self.port}",
            "server.http.listen_address": f"localhost:{self.http_port}",
            "db.tx_log.preallocate": "false",  # 512 MB of disk
        }


@dataclass(frozen=True)
class Running:
    server: ContainersNeo4j
    process: psutil.Popen
    certificate: str

    def connect(self) -> neo4j.Driver:
        return connect(f"bolt://localhost:{self.server.port}", USER, PASSWORD, self.certificate)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    given = container()
    heap = given.settings["server.memory.heap.max_size"]
    folder = tmp_path_factory.mktemp("neo4j")
    server = ContainersNeo4j(
        folder=folder,
        port=free_port(),
        password=PASSWORD,
        given=given,
        java=(f"-Xms{heap}", f"-Xmx{heap}", *QUICK_TO_START),
    )
    certificate = make_certificate(folder / "ssl" / "bolt")
    server.prepare(lambda _: None)
    program = server.program()
    variables = environment.of_components(folder) | dict(program.environment)
    with (folder / "output").open("w") as output:
        process = psutil.Popen(program.command, env=variables, stdout=output, stderr=output)
    running = Running(server, process, certificate)
    try:
        answered = retry(stop=stop_after_delay(280), wait=wait_fixed(0.5), reraise=True)(lambda: health(running))
        assert answered()
        yield running
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def health(running: Running) -> bool:
    assert running.process.poll() is None, (running.server.folder / "output").read_text()
    answer = requests.get(f"http://localhost:{running.server.http_port}", timeout=4)
    answer.raise_for_status()
    with running.connect() as driver:
        driver.verify_connectivity()
    return True


def test_bolt_answers_over_tls_to_those_who_know_the_certificate_only(running: Running) -> None:
    assert health(running)
    for uri in ("bolt", "bolt+s"):  # without TLS; with the public authorities
        plain = neo4j.GraphDatabase.driver(
            f"{uri}://localhost:{running.server.port}", auth=(USER, PASSWORD), connection_timeout=5
        )
        with plain, pytest.raises(DriverError):
            plain.verify_connectivity()


def test_only_bolt_is_open_to_the_network(running: Running) -> None:
    listening = {one.laddr for one in running.process.net_connections() if one.status == psutil.CONN_LISTEN}
    assert {address.port for address in listening} == {running.server.port, running.server.http_port}
    given = running.server.given.settings
    assert given["server.bolt.listen_address"] == "0.0.0.0:7687"
    assert given["server.http.listen_address"] == "localhost:7474"


@pytest.mark.long
def test_its_memory_stays_under_the_containers_limit_while_it_is_written_to(running: Running) -> None:
    graph = Graph(running.connect)
    graph.prepare()
    # On a busy machine the server may be silent for longer than its clients wait, as after a pause of its host.
    write = retry(
        retry=retry_if_exception_type((GraphUnavailableError, RowsBusyError)),
        stop=stop_after_delay(200),
        wait=wait_fixed(1),
        reraise=True,
    )(graph.write)
    for batch in range(40):
        write(changes([row(batch * 500 + number) for number in range(500)]))
    graph.close()
    used_mib = running.process.memory_info().rss / MIB
    assert used_mib < running.server.given.memory_mib


def row(number: int) -> Row:
    kind = ("recall", "peel", "keep", "mark_good")[number % 4]
    return Row(
        id=uuid.UUID(int=number + 1),
        user_id=f"user-{number % 50}",
        event_id=uuid.UUID(int=number // 4 + 1),
        kind=kind,
        artifact_id=None if kind == "recall" else f"{ARTIFACT}-{number % 500}",
        metadata='{"query": "a recall of some length"}',
        timestamp=NOW + timedelta(seconds=number),
        attempts=0,
        received_at=NOW,
    )


def test_it_stops_within_the_time_that_ecs_gives_it(running: Running) -> None:
    began = time.monotonic()
    os.kill(running.process.pid, signal.SIGTERM)
    running.process.wait(running.server.given.stop_seconds)
    assert time.monotonic() - began < running.server.given.stop_seconds
