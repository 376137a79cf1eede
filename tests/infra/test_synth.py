"""Synth: the same source gives the same templates, and errors stop it."""

import json
import os
import runpy
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest

from stacks.config.environments import DEV, ENVIRONMENTS, LOCAL, PROD
from stacks.deployment import Deployment
from stacks.service.chalice_package import RUNTIME, Package
from stacks.service.layer import make_layer
from tests.infra.conftest import FLAGS, PROJECT, read

APP = PROJECT / "app.py"


@pytest.fixture
def runtime(tmp_path: Path) -> Path:
    """Copy runtime/, with its cached layer of dependencies, so that a test can change it."""
    copy = tmp_path / "runtime"
    shutil.copytree(RUNTIME, copy, ignore=shutil.ignore_patterns("__pycache__", "tmp*"))
    return copy


@pytest.fixture
def version(runtime: Path) -> Callable[[], str]:
    """Return a function that packages the copy and returns the package's version."""
    return lambda: Package(cdk.Stack(), "Package", environment=LOCAL, runtime=runtime).version


def test_synth_does_not_ask_aws(assembly: Path) -> None:
    manifests = [json.loads(path.read_text()) for path in assembly.glob("**/manifest.json")]
    assert len(manifests) == 1 + len(ENVIRONMENTS)
    assert [manifest["missing"] for manifest in manifests if "missing" in manifest] == []


def test_the_same_source_gives_the_same_templates(assembly: Path, tmp_path: Path) -> None:
    app = cdk.App(context=FLAGS, outdir=str(tmp_path))
    Deployment(app, environment=LOCAL)
    app.synth()
    for stack in ("data", "service"):
        assert read(tmp_path, "local", stack) == read(assembly, "local", stack)


def test_an_unknown_environment_is_one_line() -> None:
    context = {"CDK_CONTEXT_JSON": '{"environments": "local,nowhere"}'}
    app = subprocess.run([sys.executable, APP], env=os.environ | context, capture_output=True, text=True, check=False)
    assert app.returncode == 1
    assert app.stderr.splitlines()[-1] == f"Error: no environment 'nowhere': there are {', '.join(ENVIRONMENTS)}"


def test_an_error_in_a_stack_is_not_taken_for_an_unknown_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    unknown_days: Any = 3
    monkeypatch.setitem(ENVIRONMENTS, "local", replace(LOCAL, log_retention_days=unknown_days))
    with pytest.raises(KeyError):
        runpy.run_path(str(APP))


def test_compiled_files_do_not_change_the_package(runtime: Path, version: Callable[[], str]) -> None:
    before = version()
    for path in (runtime / "chalicelib").rglob("*.py"):
        path.touch()
    (runtime / "chalicelib" / "__pycache__").mkdir()
    (runtime / "chalicelib" / "__pycache__" / "config.cpython-311.pyc").write_bytes(b"compiled")
    assert version() == before


def test_a_new_migration_changes_the_package(runtime: Path, version: Callable[[], str]) -> None:
    before = version()
    (runtime / "chalicelib" / "ledger" / "migrations" / "9999-new.sql").write_text("SELECT 1;\n")
    assert version() != before


def test_an_error_of_chalice_stops_the_synth(runtime: Path, version: Callable[[], str]) -> None:
    (runtime / "app.py").write_text("raise RuntimeError('no app')\n")
    with pytest.raises(RuntimeError, match="no app"):
        version()


def test_packaging_leaves_only_the_cached_layer(runtime: Path, version: Callable[[], str]) -> None:
    cache = runtime / ".chalice" / "deployments"
    shutil.rmtree(cache, ignore_errors=True)
    version()
    (layer,) = cache.iterdir()
    assert layer.name.startswith("layer-")


def test_requirements_change_the_layer_and_not_the_code(runtime: Path, version: Callable[[], str]) -> None:
    before = version()
    requirements = runtime / "requirements.txt"
    requirements.write_text(f"{requirements.read_text()}# changed\n")
    assert (version()[:16], version()[16:] == before[16:]) == (before[:16], False)


def test_a_package_without_a_wheel_for_the_environment_stops_the_synth(runtime: Path) -> None:
    hashes = "--hash=sha256:" + "0" * 64
    (runtime / "requirements.txt").write_text(f"psycopg-binary==3.3.9 {hashes}\n")
    with pytest.raises(RuntimeError, match=r"uv could not install requirements\.txt for dev"):
        make_layer(runtime / "requirements.txt", environment=DEV, cache=runtime / ".chalice" / "deployments")


@pytest.mark.parametrize(
    "origin", ["app.recollect.example", "https://app.recollect.example/", "https://*.recollect.example", "null", ""]
)
def test_a_cors_origin_that_no_browser_sends_is_refused_at_synth(origin: str) -> None:
    with pytest.raises(ValueError, match="cors_origin"):
        replace(PROD, cors_origin=origin)


def test_in_prod_only_the_own_web_app_may_read_answers() -> None:
    assert PROD.cors_origin.startswith("https://")
