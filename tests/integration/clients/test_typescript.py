"""The TypeScript client: its own tests against a real server that fails as told, its types, package and size."""

import gzip
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from local.environment import COMMANDS
from tests.browser import CHROMIUM

CLIENT = Path(__file__).parents[3] / "clients" / "typescript"
MAX_GZIPPED_BYTES = 6 * 1024


def run(*command: str, cwd: Path = CLIENT, **variables: str) -> str:
    """Run a tool of the project and return its output, which a failure shows."""
    path = os.pathsep.join([*map(str, COMMANDS), os.environ["PATH"]])
    environment = os.environ | {"PATH": path} | variables
    program = shutil.which(command[0], path=path)
    assert program
    done = subprocess.run(
        [program, *command[1:]], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_its_own_tests_pass_in_node(api_url: str) -> None:
    files = [str(file) for file in CLIENT.glob("test/*.test.ts") if file.name != "browser.test.ts"]
    run("node", "--test", "--test-timeout=60000", *files, FAULTY_API=api_url)


@pytest.mark.browser
def test_its_own_tests_pass_in_a_browser(api_url: str) -> None:
    run("node", "--test", "--test-timeout=60000", "test/browser.test.ts", FAULTY_API=api_url, CHROMIUM=str(CHROMIUM))


def test_its_types_are_right() -> None:
    run("tsc", "-p", "test")


def test_its_package_is_what_a_stranger_can_import(tmp_path: Path) -> None:
    package = tmp_path / "node_modules" / "interaction-tracker-client"
    run("tsc", "--outDir", str(package / "dist"))
    shutil.copy(CLIENT / "package.json", package)
    (tmp_path / "app.ts").write_text(
        'import { Tracker, type Status } from "interaction-tracker-client";\n'
        'const tracker = new Tracker({ url: "http://localhost", user: "u", token: () => "t" });\n'
        "const status: Status = tracker.status;\n"
        'console.log(status.waiting satisfies number, tracker.recall({ query: "a" }).length);\n'
    )
    (tmp_path / "package.json").write_text('{"type": "module"}')
    options = ("--module", "nodenext", "--target", "es2022", "--lib", "es2023,dom,dom.iterable")
    run("tsc", "app.ts", "--strict", *options, cwd=tmp_path)
    assert run("node", "app.js", cwd=tmp_path) == "0 36\n"


def test_it_has_no_dependencies_and_at_most_6_kilobytes() -> None:
    assert "ependencies" not in (CLIENT / "package.json").read_text()
    bundle = run("esbuild", "src/index.ts", "--bundle", "--minify", "--format=esm", "--target=es2022")
    assert len(gzip.compress(bundle.encode(), 9)) <= MAX_GZIPPED_BYTES
