"""Puts each patch into a copy of the project and runs its test there: `python -m tests.mutants [part of a name …]`.

Exit 1: a test passed in spite of a patch, or a patch no longer fits the code.
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
TIMEOUT_SECONDS = 900
FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)


def main(wanted: list[str]) -> int:
    """Print a line for each patch: which test failed with it."""
    chosen = [patch for patch in PATCHES if not wanted or any(part in patch.name for part in wanted)]
    missed = 0
    with copied() as copy:
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
        (copy / ".local").mkdir()
        (copy / ".local" / "cache").symlink_to(ROOT / ".local" / "cache")
        yield copy


def _try(patch: Patch, copy: Path) -> str | None:
    """Return the test that failed, None if none did. Raises ValueError for a patch that does not fit."""
    path = copy / patch.file
    text = path.read_text()
    if text.count(patch.old) != 1:
        raise ValueError(f"{patch.name}: its text is {text.count(patch.old)} times in {patch.file}")
    path.write_text(text.replace(patch.old, patch.new))
    command = [sys.executable, "-I", "-X", "utf8", "-m", "pytest", "-q", "-x", "--no-header", "-p", "no:cacheprovider"]
    try:
        done = subprocess.run(
            [*command, patch.caught_by],
            cwd=copy,
            env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT_SECONDS,
        )
    finally:
        path.write_text(text)
    found = FAILED.search(done.stdout)
    return found[1] if done.returncode == 1 and found else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
