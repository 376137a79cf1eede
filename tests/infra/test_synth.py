"""Synth itself: the same source gives the same templates, and CloudFormation's own rules find nothing."""

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import aws_cdk as cdk
import pytest

from stacks.config.environments import ENVIRONMENTS, LOCAL
from stacks.deployment import Deployment
from stacks.service.chalice_package import RUNTIME, Package
from tests.infra.conftest import FLAGS, read


@pytest.fixture
def runtime(tmp_path: Path) -> Path:
    """Copy runtime/ to change it, with the layer of dependencies that is packaged already."""
    copy = tmp_path / "runtime"
    shutil.copytree(RUNTIME, copy, ignore=shutil.ignore_patterns("__pycache__", "tmp*"))
    return copy


@pytest.fixture
def version(runtime: Path) -> Callable[[], str]:
    """Package the copy as it is now; gives the package's version."""
    return lambda: Package(cdk.Stack(), "Package", environment=LOCAL, runtime=runtime).version


def test_synth_asks_aws_for_nothing(assembly: Path) -> None:
    manifests = [json.loads(path.read_text()) for path in assembly.glob("**/manifest.json")]
    assert len(manifests) == 1 + len(ENVIRONMENTS)
    assert [manifest["missing"] for manifest in manifests if "missing" in manifest] == []


def test_the_same_source_gives_the_same_templates(assembly: Path, tmp_path: Path) -> None:
    app = cdk.App(context=FLAGS, outdir=str(tmp_path))
    Deployment(app, environment=LOCAL)
    app.synth()
    for stack in ("data", "service"):
        assert read(tmp_path, "local", stack) == read(assembly, "local", stack)


def test_an_interpreter_that_an_environment_does_not_name_is_refused_with_one_line() -> None:
    other = "3.12" if sys.version_info[:2] == (3, 11) else "3.11"
    with pytest.raises(ValueError, match="runs on Python") as refused:
        Deployment(cdk.App(), environment=replace(LOCAL, python=other))
    assert "\n" not in str(refused.value)


def test_what_python_leaves_behind_does_not_change_the_package(runtime: Path, version: Callable[[], str]) -> None:
    before = version()
    for path in (runtime / "chalicelib").rglob("*.py"):
        path.touch()
    (runtime / "chalicelib" / "__pycache__").mkdir()
    (runtime / "chalicelib" / "__pycache__" / "config.cpython-311.pyc").write_bytes(b"compiled")
    assert version() == before


def test_a_new_migration_changes_the_package(runtime: Path, version: Callable[[], str]) -> None:
    before = version()
    (runtime / "chalicelib" / "migrations" / "9999-new.sql").write_text("SELECT 1;\n")
    assert version() != before


def test_what_chalice_cannot_package_stops_the_synth(runtime: Path, version: Callable[[], str]) -> None:
    (runtime / "app.py").write_text("raise RuntimeError('no app')\n")
    with pytest.raises(RuntimeError, match="no app"):
        version()


def test_a_packaging_leaves_only_the_layer_behind(runtime: Path, version: Callable[[], str]) -> None:
    version()
    left = {path.name.partition("-")[0] for path in (runtime / ".chalice" / "deployments").iterdir()}
    assert left == {"managed"}
