"""Reads IAM policies, one JSON text a line, and prints parliament's findings for each: a list of [issue, detail].

A process of its own, because importing parliament 1.6.4 warns, and needs a part of setuptools that has gone.
"""

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any


def main() -> None:
    """Print one line for each policy on standard input."""
    resources: Any = ModuleType("pkg_resources")
    resources.resource_filename = _path
    sys.modules["pkg_resources"] = resources
    import parliament  # noqa: PLC0415  it needs the module above

    for line in sys.stdin:
        found = parliament.analyze_policy_string(line).findings
        print(json.dumps([[finding.issue, finding.detail] for finding in found]))  # noqa: T201  it is a program


def _path(package: str, name: str) -> str:
    """Return the path of a file of a package, as setuptools' pkg_resources did."""
    found = importlib.util.find_spec(package)
    assert found
    assert found.origin
    return str(Path(found.origin).with_name(name))


if __name__ == "__main__":
    main()
