"""The whole system of the end-to-end tests, and its stores behind proxies."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import psutil
import pytest

from tests.e2e.conftest import System, system, token
from tests.faults.proxy import Proxy

__all__ = ["proxies", "system", "token"]  # fixtures

SECRET = "interaction-tracker/local/{}"  # noqa: S105  a name


@dataclass(frozen=True)
class Proxies:
    """One before each store."""

    postgres: Proxy
    neo4j: Proxy


@pytest.fixture(scope="session")
def proxies(system: System) -> Iterator[Proxies]:
    """Yield the proxies, once every function connects through them."""
    ports = system.cloud.ports
    proxies = Proxies(Proxy(ports.postgres), Proxy(ports.neo4j))
    secrets, known = system.target.client("secretsmanager"), system.cloud.secrets()
    changed: dict[str, dict[str, str | int]] = {
        "postgres": dict(known["postgres"]) | {"port": proxies.postgres.port},
        "neo4j": dict(known["neo4j"]) | {"uri": f"bolt://127.0.0.1:{proxies.neo4j.port}"},
    }
    for name, value in changed.items():
        secrets.put_secret_value(SecretId=SECRET.format(name), SecretString=json.dumps(value))
    for process in function_processes(system):
        process.kill()  # what comes next reads the secrets
    yield proxies
    for name in changed:
        secrets.put_secret_value(SecretId=SECRET.format(name), SecretString=json.dumps(dict(known[name])))
    proxies.postgres.close()
    proxies.neo4j.close()


def function_processes(system: System, name: str = "") -> list[psutil.Process]:
    """Return the processes that run functions with this in their names."""
    found = []
    for process in psutil.Process(system.cloud.pid("aws")).children(recursive=True):
        try:
            variables = process.environ()
        except psutil.Error:
            continue
        if name in variables.get("AWS_LAMBDA_FUNCTION_NAME", ""):
            found.append(process)
    return found
