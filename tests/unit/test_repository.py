"""What the repository as a whole promises."""

import importlib
import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from chalicelib.interaction import Kind

ROOT = Path(__file__).parents[2]
# A lock file or a setting must not say where packages come from; so every address in the repository is one of these.
ADDRESS = re.compile(r"https?://([^/\s\"'`)>,;]*)")
HOSTS = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:.*)?|.*\.example|\{.*|docs\.aws\.amazon\.com|aws\.amazon\.com|")
GIT = shutil.which("git") or "git"
MAKEFILE = (ROOT / "Makefile").read_text()
TESTS, LONG_TESTS = (
    re.findall(rf"^{name} := (.*)$", MAKEFILE, re.MULTILINE)[0].split() for name in ("TESTS", "LONG_TESTS")
)


COMMANDS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


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
    packages = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    assert [name for name, package in packages.items() if name and "integrity" not in package] == []
    assert re.findall(r"npm i(?:nstall)?\b|pip install", (ROOT / ".github/workflows/ci.yml").read_text()) == []


def test_the_functions_ship_the_versions_that_are_tested() -> None:
    def pins(name: str) -> set[str]:
        return set(re.findall(r"^[a-z0-9-]+==[^ ;\\]+", (ROOT / name).read_text(), re.MULTILINE))

    assert pins("runtime/requirements.txt") <= pins("requirements/dev.txt")


def test_the_readme_names_every_command_and_every_kind() -> None:
    readme = (ROOT / "README.md").read_text()
    assert [command for command in COMMANDS if f"`{command} " not in readme] == []
    assert [kind for kind in Kind if f"`{kind}`" not in readme] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_a_document_names_only_what_exists(document: Path) -> None:
    text = document.read_text()
    words = {word.rstrip("/") for word in re.findall(r"`([^`\s]+)`", text)}
    folders = {path.relative_to(ROOT).parts[0] for path in tracked()}
    paths = {word for word in words if word.split("/")[0] in folders or re.search(r"\.(py|md|sql|sh|toml|json)$", word)}
    assert {path for path in paths if not (ROOT / path).exists()} == set()
    modules = [module.replace(".", "/") for module in re.findall(r"python -m ([\w.]+)", text)]
    assert [module for module in modules if not (ROOT / f"{module}.py").exists()] == []
    targets = {*re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE), *TESTS, *LONG_TESTS}
    assert set(re.findall(r"(?:`|^)make ([a-z][a-z/0-9-]+)", text, re.MULTILINE)) <= targets
    manual = (ROOT / "docs" / "operations.md").read_text()
    sections = re.findall(r'`docs/operations\.md`, "([^"]+)"', text)
    assert [section for section in sections if f"\n## {section}\n" not in manual] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_the_documents_name_only_options_that_exist(name: str) -> None:
    command = getattr(importlib.import_module(f"scripts.{name.replace('-', '_')}"), name.replace("-", "_"))
    known = {option for parameter in command.params for option in parameter.opts}
    used = [used for path in DOCUMENTS for used in re.findall(rf"(?<![\w-]){name} ([^`)\n]*)", path.read_text())]
    assert used
    assert {option for words in used for option in re.findall(r"(?<!\S)\[?(--?[a-z][a-z-]*)", words)} <= known


def test_no_document_connects_without_verifying_the_server() -> None:
    texts = [path.read_text() for path in (ROOT / "docs").glob("**/*.md")]
    assert not [
        line for text in texts for line in text.splitlines() if "sslmode=" in line.replace("sslmode=verify-full", "")
    ]


def test_no_example_puts_a_token_on_a_command_line() -> None:
    lines = [line for path in DOCUMENTS for line in path.read_text().splitlines()]
    assert any("Authorization: Bearer $TOKEN" in line for line in lines)
    assert [line for line in lines if re.search(r"(-H|--header)[ =]*[\"']?Authorization", line)] == []


def test_each_defence_in_the_threat_model_names_the_test_that_holds_it() -> None:
    tables = re.findall(
        r"^\|.*held by \|\n\| ---.*\n((?:\|.*\n)+)", (ROOT / "docs" / "security.md").read_text(), re.MULTILINE
    )
    rows = [row for table in tables for row in table.splitlines()]
    assert len(rows) > 15
    assert [row for row in rows if "`tests/" not in row.rpartition(" | ")[2]] == []


def test_the_picture_of_the_stats_page_is_small() -> None:
    assert (ROOT / "docs" / "stats.png").stat().st_size < 200_000


def test_the_pictures_of_the_console_are_small() -> None:
    pictures = list((ROOT / "docs").glob("console-*.png"))
    assert sum(picture.stat().st_size for picture in pictures) <= 600_000
    assert {picture.name for picture in pictures} == set(
        re.findall(r"console-\w+\.png", (ROOT / "docs/console.md").read_text())
    )


def test_every_folder_of_tests_is_run() -> None:
    assert {*TESTS, *LONG_TESTS, "tests/faults"} == {  # `make test-faults`
        f"tests/{path.relative_to(ROOT / 'tests').parts[0]}" for path in ROOT.glob("tests/**/test_*.py")
    }


@pytest.mark.parametrize("folder", ["runtime", "stacks", "scripts", "console", "local", "clients"])
def test_no_module_is_long(folder: str) -> None:
    long = {path.name: n for path in (ROOT / folder).rglob("*.py") if (n := len(path.read_text().splitlines())) > 190}
    assert {name for name in long if ".chalice" not in name} == set()
