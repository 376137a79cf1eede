"""The two archives on Lambda: its C library is new enough for them, and nothing else is needed to import the code."""

import re
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path
from zipfile import ZipFile

from tests.infra.conftest import read
from tests.infra.template import Template

# The C library of each runtime: of Amazon Linux 2 up to 3.11, of Amazon Linux 2023 from 3.12 on.
GLIBC = {"python3.11": (2, 26), "python3.12": (2, 34), "python3.13": (2, 34), "python3.14": (2, 34)}
RUNTIMES_OWN = ("boto3", "botocore", "jmespath", "python-dateutil", "s3transfer", "six", "urllib3")
IMPORT_ALL = """
import importlib, pkgutil, sys
sys.path[:0] = sys.argv[1:4]
import app, chalicelib
for handler in sys.argv[4:]:
    assert callable(getattr(app, handler.removeprefix("app."))), handler
for module in pkgutil.walk_packages(chalicelib.__path__, "chalicelib."):
    importlib.import_module(module.name)
"""


def archive(assembly: Path, location: dict[str, str]) -> ZipFile:
    return ZipFile(assembly / f"asset.{location['Key']}")


def test_the_runtimes_c_library_is_new_enough(assembly: Path, service: Template) -> None:
    _, layer = service.one("AWS::Serverless::LayerVersion")
    [runtime] = layer["Properties"]["CompatibleRuntimes"]
    files = archive(assembly, layer["Properties"]["ContentUri"])
    wanted: dict[tuple[int, int], str] = {}
    for name in files.namelist():
        if ".so" in name:
            versions = re.findall(rb"\0GLIBC_(\d+)\.(\d+)[.\0]", files.read(name).replace(b"\0", b"\0\0"))
            wanted |= {(int(major), int(minor)): name for major, minor in versions}
    assert wanted
    assert max(wanted) <= GLIBC[runtime], wanted[max(wanted)]


def test_every_entry_point_imports_from_the_two_archives_alone(assembly: Path, tmp_path: Path) -> None:
    service = read(assembly, "local", "service")  # for the Python and the architecture of this machine
    functions = [one["Properties"] for one in service.of_type("AWS::Serverless::Function").values()]
    _, layer = service.one("AWS::Serverless::LayerVersion")
    archive(assembly, functions[0]["CodeUri"]).extractall(tmp_path / "code")
    archive(assembly, layer["Properties"]["ContentUri"]).extractall(tmp_path / "layer")
    (tmp_path / "runtime").mkdir()
    for name in RUNTIMES_OWN:
        found = distribution(name)
        for top in {file.parts[0] for file in found.files or () if file.parts[0] not in {"..", "__pycache__"}}:
            (tmp_path / "runtime" / top).symlink_to(str(found.locate_file(top)))
    packages = tmp_path / "layer" / "python"
    if (packages / "lib").exists():
        packages = packages / "lib" / functions[0]["Runtime"] / "site-packages"
    # Neither this project nor what is installed is on the path: -I, -S.
    command = [sys.executable, "-ISB", "-c", IMPORT_ALL, *map(str, (tmp_path / "code", packages, tmp_path / "runtime"))]
    handlers = [function["Handler"] for function in functions]
    done = subprocess.run([*command, *handlers], capture_output=True, text=True, env={}, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr


def test_every_environments_layer_holds_the_same_packages(assembly: Path, service: Template) -> None:
    def packages(template: Template) -> set[str]:
        _, layer = template.one("AWS::Serverless::LayerVersion")
        names = archive(assembly, layer["Properties"]["ContentUri"]).namelist()
        return {part for name in names for part in Path(name).parts if part.endswith(".dist-info")}

    assert packages(service) == packages(read(assembly, "local", "service"))
