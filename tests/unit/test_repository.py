"""What the repository as a whole promises."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# A lock file or a setting must not say where packages come from; so every address in the repository is one of these.
ADDRESS = re.compile(r"https?://([^/\s\"'`)>,;]*)")
HOSTS = re.compile(r"(localhost|127\.0\.0\.1)(:.*)?|.*\.example|\{.*|docs\.aws\.amazon\.com|aws\.amazon\.com|")
GIT = shutil.which("git") or "git"
MAKEFILE = (ROOT / "Makefile").read_text()
TESTS = re.findall(r"^TESTS := (.*)$", MAKEFILE, re.MULTILINE)[0].split()


def tracked() -> list[Path]:
    listed = subprocess.run([GIT, "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).exists()]


def test_no_file_names_a_registry() -> None:
    found = {(path.name, host) for path in tracked() for host in ADDRESS.findall(path.read_text(errors="replace"))}
    assert {(name, host) for name, host in found if not HOSTS.fullmatch(host)} == set()


def test_every_dependency_is_pinned_with_a_hash() -> None:
    for name in ("requirements/uv.txt", "requirements/dev.txt", "runtime/requirements.txt"):
        entries = re.split(r"\n(?=\S)", (ROOT / name).read_text().strip())
        assert [entry for entry in entries if "==" not in entry or "--hash=sha256:" not in entry] == []


def test_the_functions_ship_the_versions_that_are_tested() -> None:
    def pins(name: str) -> set[str]:
        return set(re.findall(r"^[a-z0-9-]+==[^ ;\\]+", (ROOT / name).read_text(), re.MULTILINE))

    assert pins("runtime/requirements.txt") <= pins("requirements/dev.txt")


def test_the_readme_names_every_command_and_every_target() -> None:
    readme = (ROOT / "README.md").read_text()
    commands = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert [command for command in commands if f"`{command} " not in readme] == []
    targets = {*re.findall(r"^([a-z]+):", MAKEFILE, re.MULTILINE), *TESTS}
    assert set(re.findall(r"(?:`|^)make ([a-z/]+)", readme, re.MULTILINE)) <= targets


def test_every_folder_of_tests_is_run() -> None:
    assert set(TESTS) == {
        f"tests/{path.relative_to(ROOT / 'tests').parts[0]}" for path in ROOT.glob("tests/**/test_*.py")
    }


@pytest.mark.parametrize("folder", ["runtime", "stacks", "scripts", "local"])
def test_no_module_is_long(folder: str) -> None:
    long = {path.name: n for path in (ROOT / folder).rglob("*.py") if (n := len(path.read_text().splitlines())) > 190}
    assert {name for name in long if ".chalice" not in name} == set()
