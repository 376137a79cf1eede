"""Runs the scanners: `python -m tests.scan`. Exit 1: a finding is new, an accepted one has gone, or a scanner broke."""

import sys
import tempfile
import tomllib
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

from tests.scan.tools import TOOLS, Finding, SkippedError, install, synthesise

ACCEPTED = Path(__file__).with_name("accepted.toml")


class Acceptance(NamedTuple):
    """Findings of one rule that are accepted."""

    tool: str
    rule: str
    where: str
    """A pattern, as for file names."""
    because: str

    def covers(self, finding: Finding) -> bool:
        """Return whether the finding is accepted by this."""
        return self[:2] == finding[:2] and fnmatchcase(finding.where, self.where)


def read_accepted(path: Path = ACCEPTED) -> list[Acceptance]:
    """Read the list: a table for each tool, with a table for each rule."""
    return [
        Acceptance(tool, rule, where, because)
        for tool, rules in tomllib.loads(path.read_text()).items()
        for rule, places in rules.items()
        for where, because in places.items()
    ]


def judge(found: Iterable[Finding], accepted: Iterable[Acceptance]) -> tuple[list[Finding], list[Acceptance]]:
    """Return the findings that nothing covers, and the acceptances that cover nothing."""
    found, accepted = list(found), list(accepted)
    new = [one for one in found if not any(acceptance.covers(one) for acceptance in accepted)]
    return new, [one for one in accepted if not any(one.covers(finding) for finding in found)]


def main() -> int:
    """Print a line for each scanner, and each finding that is new."""
    install()
    accepted, failed = read_accepted(), False
    with tempfile.TemporaryDirectory() as folder:
        assembly = synthesise(Path(folder))
        for tool in TOOLS:
            name = tool.__name__.replace("_", "-")
            try:
                found = set(tool(assembly))
            except SkippedError as reason:
                print(f"{name}: skipped: {reason}")  # noqa: T201
                continue
            new, unneeded = judge(found, (one for one in accepted if one.tool == name))
            print(f"{name}: {len(found)} findings, {len(new)} new, {len(unneeded)} accepted that are gone")  # noqa: T201
            for line in (*sorted(new), *unneeded):
                print(f"  {line}")  # noqa: T201
            failed = failed or bool(new or unneeded)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
