"""The whole system, deployed by the real cdk into the tests' cloud, and a user."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import neo4j
import psycopg
import pytest
import requests
from click.testing import CliRunner
from rich.console import Console

from chalicelib.graph.client import connect
from local import demo_data
from local.cloud import Cloud
from local.demo import demonstrate
from local.deploy import deploy
from scripts.common.target import Target
from scripts.create_user import ensure_user
from scripts.get_bearer_token import sign_in
from tests.hostile import hostile_machine
from tests.waiting import within

EMAIL, PASSWORD = "bob@example.com", "Peel-and-keep-1"
MADE_UP_INTERACTIONS = 150
MADE_UP = ["--people", "3", "--interactions", str(MADE_UP_INTERACTIONS), "--seed", "7"]


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


def post_made_up(system: System) -> None:
    """Run `make demo-data` for three people."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(demo_data, "read_local_environment", lambda: system.environment)
        result = CliRunner().invoke(demo_data.main, MADE_UP)
    assert (result.exit_code, result.output.splitlines()[-1].split()[:3]) == (0, ["3", "people", "posted"])


@pytest.fixture(scope="session")
def made_up_users(system: System) -> list[str]:
    """Post what three people did in 60 days, and return their ids when all is in the ledger."""
    post_made_up(system)
    users = system.target.client("cognito-idp").list_users(UserPoolId=system.target.outputs["UserPoolId"])["Users"]
    attributes = [{one["Name"]: one["Value"] for one in user["Attributes"]} for user in users]
    ids = [one["sub"] for one in attributes if one["email"].startswith("person-")]
    assert len(ids) == 3
    within(60, lambda: assert_stored(system, ids))
    return ids


def assert_stored(system: System, users: list[str]) -> None:
    """Assert that the ledger has all that the made-up people posted, once."""
    with psycopg.connect(system.environment["DATABASE_URL"]) as ledger:
        query = "SELECT count(*) FROM interaction WHERE user_id = ANY(%s)"
        assert ledger.execute(query, [users]).fetchone() == (MADE_UP_INTERACTIONS,)


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
