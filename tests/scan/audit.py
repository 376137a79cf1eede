"""`make audit`: known vulnerabilities of what is pinned. What could not be looked up is named, and is not a pass.

Exit 0: all was looked up, nothing is known. Exit 1: something is vulnerable that tests/scan/accepted.toml does not
explain. Exit 3: not all could be looked up. (make itself then exits 2, and names the code.)
"""

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from tests.scan import newest
from tests.scan.__main__ import Acceptance, judge, read_accepted
from tests.scan.tools import ROOT, SCANNERS, Finding, install

PINS = ("runtime/requirements.txt", "requirements/dev.txt", "requirements/scan.txt", "requirements/uv.txt")
SERVICES = ("osv", "pypi")  # the first that answers
TIMEOUT_SECONDS = 600
SHOWN = 5
TOOL = "audit"
VERDICTS = {
    0: "All was looked up, and nothing is known but what is accepted.",
    1: "This is no pass: vulnerabilities are known that tests/scan/accepted.toml does not accept.",
    3: "This is no pass: of what was not looked up nothing is known.",
}


class Looked(NamedTuple):
    """What was found out about one list of packages."""

    name: str
    packages: int
    vulnerable: list[Finding]
    unknown: list[str]
    """Packages that were not looked up, or why none was."""


def of_pip_audit(name: str, report: Mapping[str, Any]) -> Looked:
    """Read pip-audit's report: it calls a package that it skipped free of known vulnerabilities."""
    packages = report["dependencies"]
    vulnerable = [_finding(name, one["name"], flaw["id"]) for one in packages for flaw in one.get("vulns", [])]
    unknown = [one["name"] for one in packages if "skip_reason" in one]
    return Looked(name, len(packages), vulnerable, unknown)


def of_npm(name: str, report: Mapping[str, Any]) -> Looked:
    """Read npm's report: an error of the registry leaves out the counts."""
    if "metadata" not in report:
        return Looked(name, 0, [], [str(report.get("message", "no report"))])
    found = [_finding(name, package, one["severity"]) for package, one in report.get("vulnerabilities", {}).items()]
    return Looked(name, report["metadata"]["dependencies"]["total"], found, [])


def with_newest(looked: Looked, found: Mapping[str, list[str]]) -> Looked:
    """Add what the pages of the packages' newest releases told."""
    more = [_finding(looked.name, name, flaw) for name, flaws in found.items() for flaw in flaws]
    unknown = [name for name in looked.unknown if name not in found]
    return looked._replace(vulnerable=looked.vulnerable + more, unknown=unknown)


def exit_code(looked: list[Looked], accepted: Iterable[Acceptance] = ()) -> int:
    """Return 0 only if every package of every list was looked up, and nothing is known but what is accepted."""
    new, _ = judge((finding for one in looked for finding in one.vulnerable), accepted)
    if new:
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
        unknown = looked.unknown if looked.packages else []
        yield with_newest(looked, newest.look_up(unknown, (ROOT / pins).read_text()))
    yield of_npm("package-lock.json", _json("npm", "audit", "--json", "--package-lock-only") or {})


def _finding(pins: str, package: str, flaw: str) -> Finding:
    return Finding(TOOL, flaw, f"{pins}/{package}")


def _json(*command: Any) -> dict[str, Any] | None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=TIMEOUT_SECONDS)
    try:
        report: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        return None
    return report


def told(one: Looked) -> Iterator[str]:
    """Yield the lines about one list."""
    if not one.packages:
        yield f"{one.name}: NOT LOOKED UP: {', '.join(one.unknown)}"
        return
    known = one.packages - len(one.unknown)
    yield f"{one.name}: {known} of {one.packages} packages were looked up, {len(one.vulnerable)} known vulnerabilities"
    yield from (f"  VULNERABLE {finding.where}: {finding.rule}" for finding in one.vulnerable)
    if one.unknown:
        more = f" and {len(one.unknown) - SHOWN} more" if len(one.unknown) > SHOWN else ""
        yield f"  NOT LOOKED UP: {', '.join(one.unknown[:SHOWN])}{more}"


def main() -> int:
    """Print what was found out about each list, and what that means."""
    install()
    accepted = [one for one in read_accepted() if one.tool == TOOL]
    found = []
    for one in look_up():
        found.append(one)
        print(*told(one), sep="\n", flush=True)  # noqa: T201
    for acceptance in accepted:
        print(f"accepted: {acceptance.where}: {acceptance.rule}: {acceptance.because}")  # noqa: T201
    code = exit_code(found, accepted)
    print(VERDICTS[code])  # noqa: T201
    return code


if __name__ == "__main__":
    sys.exit(main())
