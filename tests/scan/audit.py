"""`make audit`: known vulnerabilities of what is pinned. What could not be looked up is named, and is not a pass.

Exit 0: all was looked up, nothing is known. Exit 1: something is vulnerable. Exit 3: not all could be looked up.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from tests.scan.tools import ROOT, SCANNERS, install

PINS = ("runtime/requirements.txt", "requirements/dev.txt", "requirements/scan.txt", "requirements/uv.txt")
SERVICES = ("osv", "pypi")  # the first that answers
TIMEOUT_SECONDS = 600
SHOWN = 5


class Looked(NamedTuple):
    """What was found out about one list of packages."""

    name: str
    packages: int
    vulnerable: list[str]
    unknown: list[str]
    """Packages that were not looked up, or why none was."""


def of_pip_audit(name: str, report: Mapping[str, Any]) -> Looked:
    """Read pip-audit's report: it calls a package that it skipped free of known vulnerabilities."""
    packages = report["dependencies"]
    vulnerable = [f"{one['name']} {one['version']}: {flaw['id']}" for one in packages for flaw in one.get("vulns", [])]
    unknown = [one["name"] for one in packages if "skip_reason" in one]
    return Looked(name, len(packages), vulnerable, unknown)


def of_npm(name: str, report: Mapping[str, Any]) -> Looked:
    """Read npm's report: an error of the registry leaves out the counts."""
    if "metadata" not in report:
        return Looked(name, 0, [], [str(report.get("message", "no report"))])
    found = [f"{package}: {one['severity']}" for package, one in report.get("vulnerabilities", {}).items()]
    return Looked(name, report["metadata"]["dependencies"]["total"], found, [])


def exit_code(looked: list[Looked]) -> int:
    """Return 0 only if every package of every list was looked up, and none is vulnerable."""
    if any(one.vulnerable for one in looked):
        return 1
    return 3 if any(one.unknown or not one.packages for one in looked) else 0


def look_up() -> Iterator[Looked]:
    """Look up every list."""
    for pins in PINS:
        for service in SERVICES:
            options = ["--disable-pip", "--require-hashes", "--format", "json", "--progress-spinner", "off"]
            report = _json(SCANNERS / "pip-audit", "--requirement", pins, "--vulnerability-service", service, *options)
            looked = of_pip_audit(pins, report) if report else Looked(pins, 0, [], [f"{service} did not answer"])
            if not looked.unknown:
                break
        yield looked
    yield of_npm("package-lock.json", _json("npm", "audit", "--json", "--package-lock-only") or {})


def _json(*command: Any) -> dict[str, Any] | None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=TIMEOUT_SECONDS)
    try:
        report: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        return None
    return report


def main() -> int:
    """Print a line for each list, and what is wrong with it."""
    install()
    found = []
    for one in look_up():
        found.append(one)
        print(f"{one.name}: {one.packages} packages, {len(one.vulnerable)} known vulnerabilities")  # noqa: T201
        for line in one.vulnerable:
            print(f"  VULNERABLE {line}")  # noqa: T201
        if one.unknown:
            more = f" and {len(one.unknown) - SHOWN} more" if len(one.unknown) > SHOWN else ""
            print(f"  NOT LOOKED UP: {', '.join(one.unknown[:SHOWN])}{more}")  # noqa: T201
    return exit_code(found)


if __name__ == "__main__":
    sys.exit(main())
