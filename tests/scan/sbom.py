"""`make sbom`: what the functions of an environment ship, as CycloneDX, in .local/sbom-ENVIRONMENT.json.

The packages are those in the very archive that a deploy uploads, with the versions and hashes that are pinned.
"""

import re
import subprocess
from pathlib import Path
from zipfile import ZipFile

from stacks.config.environments import ENVIRONMENTS
from stacks.service.layer import make_layer
from tests.scan.tools import ROOT, SCANNERS, install

REQUIREMENTS = ROOT / "runtime" / "requirements.txt"
_CACHE = ROOT / "runtime" / ".chalice" / "deployments"
_INFO = re.compile(r"([^/]+)-[^-/]+\.dist-info/METADATA$")


def shipped(archive: Path) -> set[str]:
    """Return the names of the packages in the archive, as PyPI spells them."""
    with ZipFile(archive) as zipped:
        found = [_INFO.search(name) for name in zipped.namelist()]
    return {_normal(match[1]) for match in found if match}


def pins_of(packages: set[str], requirements: str) -> str:
    """Return the requirements of these packages; raises ValueError if one has none."""
    blocks = [block.replace("\\\n", " ") for block in re.split(r"\n(?=\S)", requirements.strip())]
    pinned = {_normal(block.split("==")[0]): re.sub(r" ;.*?(?= --hash)", "", block) for block in blocks}
    if missing := packages - set(pinned):
        raise ValueError(f"not pinned: {sorted(missing)}")
    return "\n".join(pinned[name] for name in sorted(packages)) + "\n"


def write(name: str) -> Path:
    """Write the environment's bill of materials, and return its path."""
    archive = make_layer(REQUIREMENTS, environment=ENVIRONMENTS[name], cache=_CACHE)
    path = ROOT / ".local" / f"sbom-{name}.json"
    command: list[str | Path] = [
        SCANNERS / "cyclonedx-py",
        "requirements",
        "-",
        "--pyproject",
        "pyproject.toml",
        "--output-reproducible",
    ]
    pins = pins_of(shipped(archive), REQUIREMENTS.read_text())
    subprocess.run([*command, "--short-PURLs", "-o", path], cwd=ROOT, input=pins, text=True, check=True)
    return path


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name.strip()).lower()


def main() -> None:
    """Write those of the environments in AWS."""
    install()
    for name, environment in ENVIRONMENTS.items():
        if environment.python:
            print(write(name).relative_to(ROOT))  # noqa: T201


if __name__ == "__main__":
    main()
