"""The functions' archives: complete, small, and for their architecture."""

import struct
import sys
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from stacks.config.environment import Environment
from stacks.service.chalice_package import RUNTIME
from stacks.service.layer import make_layer
from tests.infra.template import Template

MB = 1_000_000
MACHINES = {"x86_64": 62, "arm64": 183}  # the codes of an ELF header


@pytest.fixture
def packages(environment: Environment) -> str:
    """Return the folder of a layer that Lambda puts on the path."""
    return f"python/lib/{environment.runtime}/site-packages"


@pytest.fixture
def archives(assembly: Path, service: Template) -> dict[str, ZipFile]:
    """Open the archives of the code and of the layer."""
    _, function = service.one("AWS::Serverless::Function", starting="Worker")
    _, layer = service.one("AWS::Serverless::LayerVersion")
    keys = {"code": function["Properties"]["CodeUri"]["Key"], "layer": layer["Properties"]["ContentUri"]["Key"]}
    return {name: ZipFile(assembly / f"asset.{key}") for name, key in keys.items()}


def test_drivers_are_compiled_for_the_functions_architecture(
    archives: dict[str, ZipFile], packages: str, environment: Environment
) -> None:
    layer = archives["layer"]
    compiled = [name for name in layer.namelist() if name.endswith(".so") or ".so." in name]
    for package in ("psycopg_binary/", "pydantic_core/", "neo4j/"):
        assert [name for name in compiled if name.startswith(f"{packages}/{package}")], package
    for name in compiled:
        header = layer.read(name)[:20]
        assert header[:4] == b"\x7fELF", name
        assert struct.unpack("<H", header[18:20])[0] == MACHINES[environment.architecture], name


def test_the_layer_has_every_package(archives: dict[str, ZipFile], packages: str) -> None:
    folders = {Path(name).relative_to(packages).parts[0] for name in archives["layer"].namelist()}
    assert {"aws_lambda_powertools", "neo4j", "psycopg", "psycopg_binary", "pydantic", "yoyo"} <= folders


def test_the_code_archive_has_only_our_code_and_migrations(archives: dict[str, ZipFile]) -> None:
    names = archives["code"].namelist()
    assert {Path(name).parts[0] for name in names} == {
        "app.py",
        "chalice",
        "chalicelib",
    }  # chalice: the part of it that answers API Gateway
    assert "chalicelib/ledger/migrations/0001-ledger.sql" in names
    assert not [name for name in names if "__pycache__" in name or name.endswith(".pyc")]


def test_the_archives_are_small(archives: dict[str, ZipFile]) -> None:
    def unpacked(archive: ZipFile) -> int:
        return sum(member.file_size for member in archive.infolist())

    assert unpacked(archives["code"]) < 1 * MB
    assert unpacked(archives["layer"]) < 40 * MB  # AWS takes 250


def test_environments_of_one_architecture_share_one_package(assembly: Path, service: Template) -> None:
    archived: set[Any] = {path.name for path in assembly.glob("asset.*.zip")}
    _, layer = service.one("AWS::Serverless::LayerVersion")
    assert f"asset.{layer['Properties']['ContentUri']['Key']}" in archived


def test_the_layer_has_nothing_of_the_host_that_packaged_it(archives: dict[str, ZipFile]) -> None:
    layer = archives["layer"]
    host = sys.prefix.encode()
    assert [name for name in layer.namelist() if host in layer.read(name)] == []
    assert {(member.date_time, member.external_attr) for member in layer.infolist()} == {
        ((1980, 1, 1, 0, 0, 0), 0o644 << 16)
    }


@pytest.mark.parametrize("environment", ["local", "dev"], indirect=True)
def test_the_layer_is_the_same_to_the_byte_when_it_is_made_again(
    archives: dict[str, ZipFile], environment: Environment, tmp_path: Path
) -> None:
    again = make_layer(RUNTIME / "requirements.txt", environment=environment, cache=tmp_path / "another")
    assert again.read_bytes() == Path(str(archives["layer"].filename)).read_bytes()
