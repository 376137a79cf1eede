"""The laptop's cloud: a second start changes nothing, errors are one line, a stop leaves no process."""

import socket
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psutil
import psycopg
import pytest
import requests
from neo4j import GraphDatabase
from neo4j.exceptions import Neo4jError

from local.cloud import Cloud
from local.component import CloudError
from local.ports import Ports


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Cloud]:
    """Yield a cloud in which the test starts only one part."""
    cloud = Cloud(folder=tmp_path, ports=Ports.free())
    yield cloud
    cloud.down()


def test_a_second_up_restarts_nothing(cloud: Cloud) -> None:
    before = {part: cloud.pid(part) for part in cloud.status()}
    cloud.up()
    assert {part: cloud.pid(part) for part in cloud.status()} == before


def test_everything_listens_on_loopback_only(cloud: Cloud) -> None:
    supervisor = psutil.Process(cloud.pid("aws")).parent()
    assert supervisor
    of_the_cloud = {supervisor.pid, *(process.pid for process in supervisor.children(recursive=True))}
    every: list[Any] = psutil.net_connections("inet")
    listening = [one for one in every if one.status == psutil.CONN_LISTEN and one.pid in of_the_cloud]
    assert {connection.laddr.port for connection in listening} == set(asdict(cloud.ports).values())
    assert {connection.laddr.ip for connection in listening} <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}


def test_the_page_that_draws_the_graph_sends_its_login_to_where_neo4j_listens(cloud: Cloud) -> None:
    known = cloud.environment()
    page = requests.get(f"{known['API_URL']}/browser/", allow_redirects=False, timeout=30)
    [address] = parse_qs(urlsplit(page.headers["location"]).query)["dbms"]
    scheme, _, server = known["NEO4J_URI"].partition("://")
    assert address == f"{scheme}://{known['NEO4J_USER']}@{server}"  # `localhost` is first ::1


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost", None])
def test_neo4j_reads_no_file_and_no_other_server(cloud: Cloud, host: str | None) -> None:
    known = cloud.environment()
    address = f"http://{host}:{cloud.ports.api}/docs" if host else Path(__file__).as_uri()
    login = (known["NEO4J_USER"], known["NEO4J_PASSWORD"])
    with GraphDatabase.driver(known["NEO4J_URI"], auth=login) as driver, driver.session() as session:
        with pytest.raises(Neo4jError) as error:
            session.run("LOAD CSV FROM $address AS line RETURN line", address=address).consume()
        assert error.value.code == "Neo.ClientError.Statement.ExternalResourceFailed"
        assert ("cypher_ip_blocklist" if host else "allow_csv_import_from_file_urls") in str(error.value)


def test_a_taken_port_is_named_with_the_variable_that_changes_it(small: Cloud) -> None:
    with socket.create_server(("127.0.0.1", small.ports.postgres)), pytest.raises(CloudError) as error:
        small.up(["postgres"])
    assert f"port {small.ports.postgres} is taken by" in str(error.value)
    assert "LOCAL_POSTGRES_PORT" in str(error.value)
    assert "\n" not in str(error.value)


def test_down_leaves_no_process_and_keeps_the_data(small: Cloud) -> None:
    small.up(["postgres"])
    supervisor = psutil.Process(small.pid("postgres")).parent()
    assert supervisor
    family = [supervisor, *supervisor.children(recursive=True)]
    with psycopg.connect(small.environment()["DATABASE_URL"]) as connection:
        connection.execute("CREATE TABLE kept ()")
    small.down()
    assert psutil.wait_procs(family, timeout=10)[1] == []  # init may take a moment to forget them
    small.up(["postgres"])
    with psycopg.connect(small.environment()["DATABASE_URL"]) as connection:
        connection.execute("SELECT FROM kept")


def test_a_part_that_does_not_start_is_named_with_its_log(small: Cloud) -> None:
    small.up(["postgres"])
    small.down()
    (small.folder / "postgres" / "data" / "postgresql.conf").write_text("nonsense")
    with pytest.raises(CloudError, match=r"^postgres: .*logs/postgres\.log"):
        small.up(["postgres"])


@pytest.mark.parametrize("value", ["0", "65536", "http", "-1"])
def test_an_invalid_port_is_refused(value: str) -> None:
    with pytest.raises(CloudError, match="LOCAL_AWS_PORT"):
        Ports.of({"LOCAL_AWS_PORT": value})
