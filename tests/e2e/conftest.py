"""The whole system, deployed by the real cdk into the tests' cloud, and a user."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import neo4j
import psycopg
import pytest
import requests
from rich.console import Console

from chalicelib.graph.client import connect
from local.cloud import Cloud
from local.demo import demonstrate
from local.deploy import deploy
from scripts.common.target import Target
from scripts.create_user import ensure_user
from scripts.get_bearer_token import sign_in
from tests.hostile import hostile_machine

EMAIL, PASSWORD = "bob@example.com", "Peel-and-keep-1"


@dataclass(frozen=True)
class System:
    """A deployed system and the addresses of its parts."""

    cloud: Cloud
    target: Target
    environment: dict[str, str]


@pytest.fixture(scope="session")
def system(cloud: Cloud) -> System:
    with hostile_machine():
        target, environment = deploy(cloud, print)
    # As `make up` ends; with more time, since tests may share their machine.
    demonstrate(target, environment, Console(), seconds=120)
    return System(cloud, target, environment)


@pytest.fixture(scope="session")
def token(system: System) -> str:
    ensure_user(system.target, EMAIL, PASSWORD, change=True)
    return sign_in(system.target, EMAIL, PASSWORD)


@pytest.fixture
def post(system: System, token: str) -> Callable[[dict[str, Any]], requests.Response]:
    """Return a function that posts a payload as that user."""

    def post(payload: dict[str, Any]) -> requests.Response:
        headers = {"Authorization": f"Bearer {token}"}
        return requests.post(f"{system.environment['API_URL']}/interaction", json=payload, headers=headers, timeout=30)

    return post


@pytest.fixture
def sql(system: System) -> Iterator[psycopg.Connection]:
    with psycopg.connect(system.environment["DATABASE_URL"], autocommit=True) as connection:
        yield connection


@pytest.fixture
def cypher(system: System) -> Iterator[neo4j.Session]:
    names = ("NEO4J_URI", "NEO4J_USER", "NEO4J_PASSWORD")
    with connect(*(system.environment[name] for name in names)) as driver, driver.session() as session:
        yield session
