"""Synth itself: the same source gives the same templates, and CloudFormation's own rules find nothing."""

import shutil
from collections.abc import Callable
from pathlib import Path

import aws_cdk as cdk
import pytest

from stacks.environments import LOCAL
from stacks.package import RUNTIME, Package


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
