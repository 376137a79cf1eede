"""The scanners. Each yields what it finds; one that this machine cannot run raises SkippedError."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from local.environment import of_installation, uv_indexes
from stacks.config.environments import ENVIRONMENTS

ROOT = Path(__file__).parents[2]
_PYTHON = Path(sys.executable)
_TOOLS = ROOT / ".local" / "scan"
SCANNERS = _TOOLS / "bin"
_GITLEAKS = "github.com/zricethezav/gitleaks/v8@v8.30.0"
_SOURCE = ("runtime", "scripts", "stacks", "console", "local")


class SkippedError(Exception):
    """The machine lacks what the scanner needs; the text says what."""


class BrokenError(Exception):
    """A scanner ended without a report; the text is what it said."""


class Finding(NamedTuple):
    """What a scanner found: by which rule, and where (a path, or a resource of a template)."""

    tool: str
    rule: str
    where: str


def install() -> None:
    """Install the scanners that come from PyPI, as requirements/scan.txt pins them, beside the project's packages."""
    uv, variables = _PYTHON.with_name("uv"), uv_indexes(_PYTHON) | of_installation()
    tools = SCANNERS / "python"
    commands: tuple[list[str | Path], ...] = (
        ["venv", "--quiet", "--allow-existing", "--python", _PYTHON, _TOOLS],
        ["pip", "sync", "--quiet", "--require-hashes", "--python", tools, "requirements/scan.txt"],
    )
    for command in commands:
        subprocess.run([uv, *command], cwd=ROOT, env=variables, check=True)


def synthesise(folder: Path) -> Path:
    """Synthesise every environment with cdk-nag's rules for serverless applications; nothing stops it."""
    import aws_cdk as cdk  # noqa: PLC0415  CDK takes seconds to load, and a unit test needs none of it
    from cdk_nag import ServerlessChecks  # noqa: PLC0415

    from stacks.deployment import Deployment  # noqa: PLC0415
    from tests.infra.conftest import FLAGS  # noqa: PLC0415

    stops = ("failSynthOnValidationErrors", "validateAgainstDefaultRules")
    app = cdk.App(context=FLAGS | {f"@aws-cdk/core:{name}": False for name in stops}, outdir=str(folder))
    cdk.Validations.of(app).add_plugins(ServerlessChecks(app))
    for environment in ENVIRONMENTS.values():
        Deployment(app, environment=environment)
    app.synth()
    return folder


def cdk_nag(assembly: Path) -> Iterator[Finding]:
    """Read what cdk-nag's rules for serverless applications found; AwsSolutions is in tests/infra."""
    reports = json.loads((assembly / "validation-report.json").read_text())["pluginReports"]
    for violation in (one for report in reports for one in report["violations"]):
        for construct in violation["violatingConstructs"]:
            yield Finding("cdk-nag", violation["ruleName"], construct["constructPath"])


def checkov(assembly: Path) -> Iterator[Finding]:
    """Check the templates."""
    options = ["--framework", "cloudformation", "--output", "json", "--compact", "--quiet", "--skip-download"]
    report = _json(SCANNERS / "checkov", "--directory", assembly, *options)
    for failed in report["results"]["failed_checks"]:
        stack = Path(failed["file_path"]).parent.name.removeprefix("assembly-")
        yield Finding("checkov", failed["check_id"], f"{stack}/{failed['resource']}")


def bandit(_assembly: Path) -> Iterator[Finding]:
    """Check the Python source."""
    report = _json(SCANNERS / "bandit", "--quiet", "--recursive", "--format", "json", *_SOURCE)
    for found in report["results"]:
        yield Finding("bandit", found["test_id"], found["filename"])


def shellcheck(_assembly: Path) -> Iterator[Finding]:
    """Check the shell scripts."""
    tracked = _lines("git", "ls-files")
    scripts = [name for name in tracked if name.endswith(".sh") or _is_script(ROOT / name)]
    for found in _json(SCANNERS / "shellcheck", "--format", "json", *scripts):
        yield Finding("shellcheck", f"SC{found['code']}", found["file"])


def squawk(_assembly: Path) -> Iterator[Finding]:
    """Check the migrations, as `make check` does."""
    migrations = sorted((ROOT / "runtime/chalicelib/ledger/migrations").glob("*.sql"))
    for found in _json(_PYTHON.with_name("squawk"), "--reporter", "json", *migrations):
        yield Finding("squawk", found["rule_name"], Path(found["file"]).name)


def gitleaks(_assembly: Path) -> Iterator[Finding]:
    """Look for secrets in every commit."""
    go = shutil.which("go")
    if not go:
        raise SkippedError("it is built from source, and there is no Go here")
    options = ["--no-banner", "--log-level", "error", "--exit-code", "0", "--report-format", "json"]
    try:
        report = _json(go, "run", _GITLEAKS, "git", *options, "--report-path", "-", ROOT)
    except BrokenError as error:
        raise SkippedError(f"Go could not build it: {error}") from None
    for found in report:
        yield Finding("gitleaks", found["RuleID"], found["File"])


TOOLS = (cdk_nag, checkov, bandit, shellcheck, squawk, gitleaks)


def _json(*command: str | Path) -> Any:
    """Return what a scanner prints. Its exit code says only whether it found something."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    try:
        return json.loads(done.stdout)
    except ValueError:
        raise BrokenError(f"{Path(command[0]).name}: {done.stderr.strip()[-500:]}") from None


def _lines(*command: str) -> list[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()


def _is_script(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        first = file.readline()
    return first.startswith(b"#!") and b"sh" in first
