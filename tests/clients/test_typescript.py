"""The TypeScript client: its own tests against a real server that fails as told, its types, package and size."""

import gzip
from pathlib import Path

import pytest

from tests.browser import CHROMIUM
from tests.node import CLIENT, run

ROOT = CLIENT.parents[1]
MAX_GZIPPED_BYTES = 6 * 1024


def test_its_own_tests_pass_in_node(api_url: str) -> None:
    files = [str(file) for file in CLIENT.glob("test/*.test.ts") if file.name != "browser.test.ts"]
    run("node", "--test", "--test-timeout=60000", *files, FAULTY_API=api_url)


@pytest.mark.browser
def test_its_own_tests_pass_in_a_browser(api_url: str) -> None:
    run("node", "--test", "--test-timeout=60000", "test/browser.test.ts", FAULTY_API=api_url, CHROMIUM=str(CHROMIUM))


def test_its_types_are_right() -> None:
    run("tsc", "-p", "test")


def test_its_types_are_those_of_the_apis_document(tmp_path: Path) -> None:
    document, written = ROOT / "docs" / "openapi.json", tmp_path / "openapi.ts"
    run("openapi-typescript", str(document), "--default-non-nullable=false", "-o", str(written))
    assert written.read_text() == (CLIENT / "src" / "openapi.ts").read_text(), "run `make openapi`"


def test_its_package_is_what_a_stranger_can_import(tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text('{"type": "module"}')
    run("npm", "install", "--offline", "--install-links", str(CLIENT), cwd=tmp_path)
    (tmp_path / "app.ts").write_text(
        'import { Tracker, type Status } from "interaction-tracker-client";\n'
        'const tracker = new Tracker({ url: "http://localhost", user: "u", token: () => "t" });\n'
        "const status: Status = tracker.status;\n"
        'console.log(status.waiting satisfies number, tracker.recall({ query: "a" }).length);\n'
    )
    options = ("--module", "nodenext", "--target", "es2022", "--lib", "es2023,dom,dom.iterable")
    run("tsc", "app.ts", "--strict", *options, cwd=tmp_path)
    assert run("node", "app.js", cwd=tmp_path) == "0 36\n"


def test_it_has_no_dependencies_and_at_most_6_kilobytes() -> None:
    assert "ependencies" not in (CLIENT / "package.json").read_text()
    bundle = run("esbuild", "src/index.ts", "--bundle", "--minify", "--format=esm", "--target=es2022")
    assert len(gzip.compress(bundle.encode(), 9)) <= MAX_GZIPPED_BYTES
