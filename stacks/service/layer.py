"""Packages runtime/requirements.txt as a Lambda layer, for any Python and architecture, on any host."""

import hashlib
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from zipfile import ZipFile, ZipInfo

from local.environment import of_installation, uv_indexes
from stacks.config.environment import Environment

# The C library of Amazon Linux 2023, which Python 3.12 and newer run on.
_PLATFORMS: Final = {"x86_64": "x86_64-manylinux_2_34", "arm64": "aarch64-manylinux_2_34"}
# Scripts, which nothing in Lambda runs, and their checksums contain paths of this host.
_HOST_FILES: Final = ("bin/*", ".lock", "*.dist-info/RECORD")


def make_layer(requirements: Path, *, environment: Environment, cache: Path) -> Path:
    """Return the layer's archive from `cache`, made if necessary; it has the same bytes on every host.

    Raises RuntimeError if a package has no wheel for the environment's Python and architecture.
    """
    key = f"{requirements.read_text()}{environment.runtime}{environment.architecture}"
    archive = cache / f"layer-{hashlib.sha256(key.encode()).hexdigest()[:16]}.zip"
    if not archive.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=cache) as folder:  # on the same disk, so that the move is atomic
            packages, unfinished = Path(folder, "packages"), Path(folder, "layer.zip")
            _install(requirements, packages, environment)
            _zip(packages, unfinished, inside=f"python/lib/{environment.runtime}/site-packages")
            unfinished.replace(archive)
    return archive


def _install(requirements: Path, packages: Path, environment: Environment) -> None:
    command: list[str | Path] = [Path(sys.executable).with_name("uv"), "pip", "install", "--quiet"]
    command += ["--only-binary", ":all:", "--require-hashes", "--no-deps", "--requirement", requirements]
    command += ["--python", sys.executable, "--target", packages]
    if environment.python:  # otherwise the functions run on this host
        command += ["--python-version", environment.python]
        command += ["--python-platform", _PLATFORMS[environment.architecture]]
    variables = uv_indexes(Path(sys.executable)) | of_installation()
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise RuntimeError(f"uv could not install {requirements.name} for {environment.name}:\n{done.stderr}")


def _zip(folder: Path, archive: Path, *, inside: str) -> None:
    """Write the folder's files into an archive; order, times, modes and bytes do not depend on the host."""
    with ZipFile(archive, "w") as zipped:
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder)
            if path.is_file() and not any(name.match(pattern) for pattern in _HOST_FILES):
                # Stored: compressed bytes differ between versions of zlib.
                zipped.writestr(_member(f"{inside}/{name.as_posix()}"), path.read_bytes())


def _member(name: str) -> ZipInfo:
    member = ZipInfo(name)  # with the earliest time that an archive can have
    member.create_system = 3  # Unix, on Windows too
    member.external_attr = 0o644 << 16
    return member
