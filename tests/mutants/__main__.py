"""Puts each patch into a copy of the project and runs its test there: `python -m tests.mutants [part of a name …]`.

First all these tests run without a patch: a test that fails anyway catches nothing.
Exit 1: a test failed without a patch or passed in spite of one, or a patch no longer fits the code.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.mutants.patches import PATCHES, Patch

ROOT = Path(__file__).parents[2]
TIMEOUT_SECONDS = 1800
FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)


def main(wanted: list[str]) -> int:
    """Print a line for each patch: which test failed with it."""
    chosen = [patch for patch in PATCHES if not wanted or any(part in patch.name for part in wanted)]
    missed = 0
    with copied() as copy:
        unpatched = _run(sorted({patch.caught_by for patch in chosen}), copy)
        if unpatched.returncode:
            print(f"the tests fail without a patch:\n{unpatched.stdout[-3000:]}")  # noqa: T201
            return 1
        for patch in chosen:
            said = _try(patch, copy)
            missed += said is None
            print(f"{patch.name}: {f'caught by {said}' if said else 'NOT CAUGHT'}", flush=True)  # noqa: T201
    print(f"{len(chosen) - missed} of {len(chosen)} patches were caught")  # noqa: T201
    return int(missed > 0)


@contextmanager
def copied() -> Iterator[Path]:
    """Yield a copy of the tracked files, with what is installed here."""
    (ROOT / ".local").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ROOT / ".local") as folder:
        copy = Path(folder)
        git = str(shutil.which("git"))
        tracked = subprocess.run(
            [git, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for name in filter(None, tracked.split("\0")):
            if (ROOT / name).is_file():
                (copy / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, copy / name)
        for name in (".venv", "node_modules"):
            (copy / name).symlink_to(ROOT / name)
        cache = ROOT / ".local" / "cache"
        cache.mkdir(exist_ok=True)
        (copy / ".local").mkdir()
        (copy / ".local" / "cache").symlink_to(cache)
        yield copy


def _try(patch: Patch, copy: Path) -> str | None:
    """Return the test that failed, None if none did. Raises ValueError for a patch that does not fit."""
    path = copy / patch.file
    text = path.read_text()
    if text.count(patch.old) != 1:
        raise ValueError(f"{patch.name}: its text is {text.count(patch.old)} times in {patch.file}")
    path.write_text(text.replace(patch.old, patch.new))
    try:
        done = _run([patch.caught_by], copy)
    finally:
        path.write_text(text)
    found = FAILED.search(done.stdout)
    return found[1] if done.returncode == 1 and found else None


def _run(tests: list[str], copy: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", "-X", "utf8", "-m", "pytest", "-q", "-x", "--no-header", "-p", "no:cacheprovider"]
    return subprocess.run(
        [*command, *tests],
        cwd=copy,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_SECONDS,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
