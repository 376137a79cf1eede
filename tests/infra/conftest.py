"""The local stage, synthesised once for all tests."""

import json
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest

from stacks.deployment import Deployment
from stacks.environments import LOCAL
from tests.infra.template import Template

PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Synthesise into a folder as `cdk synth` does, with the feature flags of cdk.json."""
    flags: dict[str, Any] = json.loads((PROJECT / "cdk.json").read_text())["context"]
    folder = tmp_path_factory.mktemp("cdk.out")
    app = cdk.App(context=flags, outdir=str(folder))
    Deployment(app, environment=LOCAL)
    app.synth()
    return folder


@pytest.fixture(scope="session")
def data(assembly: Path) -> Template:
    """Read the stateful stack."""
    return _read(assembly, "data")


@pytest.fixture(scope="session")
def service(assembly: Path) -> Template:
    """Read the stateless stack."""
    return _read(assembly, "service")


def _read(assembly: Path, stack: str) -> Template:
    (path,) = assembly.glob(f"assembly-local/local{stack}*.template.json")
    return Template(json.loads(path.read_text()))
