"""mutmut on the modules that use no store: `python -m tests.mutants.pure [part of a module's name …]`.

Exit 1: fewer than MIN_SCORE of the mutants are noticed, one lives that survivors.toml does not explain, or not all were
tried.
"""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

from tests.mutants.__main__ import copied
from tests.scan.tools import SCANNERS, install

MIN_SCORE = 0.9
MODULES = (
    "api/fields",
    "api/payload",
    "api/reply",
    "api/strict_json",
    "api/timestamp",
    "api/token",
    "deadline",
    "graph/errors",
    "interaction",
    "operations/json_values",
    "queue",
    "verification/diff",
    "verification/expected",
)
TESTS = (
    "api",
    "graph",
    "operations",
    "test_deadline.py",
    "test_interaction.py",
    "test_queue.py",
    "test_worker.py",
    "verification",
)
OTHERS = "SqsQueue"  # calls AWS: tests/integration and tests/e2e run it
SURVIVORS = Path(__file__).with_name("survivors.toml")
# mutmut knows sources in `src` only, and its packages come after the project's own.
RUN = "import sys; sys.path.append(sys.argv.pop(1)); from mutmut.__main__ import cli; cli()"
LIVES = re.compile(r"^\s*(\S+): (survived|no tests|timeout|suspicious)$", re.MULTILINE)
COUNTS = re.compile(r"(\d+)/(\d+)")


def main(wanted: list[str]) -> int:
    """Print the score, and the mutants that live."""
    modules = [module for module in MODULES if not wanted or any(part in module for part in wanted)]
    install()
    [packages] = SCANNERS.parent.glob("lib/python*/site-packages")
    with copied() as copy:
        (copy / "runtime").rename(copy / "src")
        _configure(copy / "pyproject.toml", modules)
        command = [sys.executable, "-X", "utf8", "-c", RUN, str(packages)]
        variables = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run([*command, "run"], cwd=copy, env=variables, capture_output=True, text=True, check=False)
        counts = COUNTS.findall(done.stdout)
        if done.returncode or not counts or counts[-1][0] != counts[-1][1]:
            print(done.stdout[-3000:], done.stderr[-3000:])  # noqa: T201
            return 1
        results = subprocess.run(
            [*command, "results"], cwd=copy, env=variables, capture_output=True, text=True, check=True
        ).stdout
        told = LIVES.findall(results)
        print(f"{sum(how == 'timeout' for _, how in told)} were noticed by a test that no longer ends")  # noqa: T201
        found = {name: how for name, how in told if how != "timeout"}
        lives = {name: how for name, how in found.items() if OTHERS not in name}
        return _judge(lives, int(counts[-1][1]) - (len(found) - len(lives)))


def _judge(lives: dict[str, str], total: int) -> int:
    explained = tomllib.loads(SURVIVORS.read_text())
    score = 1 - len(lives) / total
    print(f"{total} mutants, {len(lives)} live: score {score:.1%}")  # noqa: T201
    new = sorted(set(lives) - set(explained))
    for name in new:
        print(f"  {name}: {lives[name]}, and survivors.toml does not say why it may")  # noqa: T201
    return int(score < MIN_SCORE or bool(new))


def _configure(path: Path, modules: list[str]) -> None:
    text = path.read_text().replace('pythonpath = ["runtime"', 'pythonpath = ["src"')
    only = [f"src/chalicelib/{module}.py" for module in modules]
    tests = [f"tests/unit/{name}" for name in TESTS]
    also = ["tests", "local", "scripts", "clients", "stacks", "docs", "app.py", "pyproject.toml"]
    text += f"\n[tool.mutmut]\nsource_paths = ['src']\nonly_mutate = {only}\nalso_copy = {also}\n"
    path.write_text(text + f"pytest_add_cli_args_test_selection = {tests}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
