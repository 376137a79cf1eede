"""What `make` installs into this folder, .venv and node_modules: once, for all that `make` runs side by side.

Standard library only: it runs before anything is installed, by the Python that .venv will be made of.
"""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from local.component import CloudError, in_one_line
from local.environment import ROOT, of_installation, uv_indexes
from local.folder import check
from local.lock import alone
from local.stop import FOLDER, stop

VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "installed"
LOG = ROOT / ".local" / "logs" / "install.log"
PINS = ("pyproject.toml", "requirements/uv.txt", "requirements/dev.txt", "package-lock.json")
FREE_MEGABYTES = 1500  # 1 GB of packages, and what is unpacked on the way


def main() -> None:
    """Install what is not there or no longer what is pinned; what is wrong is told in one line."""
    try:
        with alone(_say):
            if not _is_installed():
                _install()
    except CloudError as error:
        sys.exit(f"Error: {error}")
    except OSError as error:
        sys.exit(f"Error: cannot install: {error}")
    except KeyboardInterrupt:
        sys.exit("Error: interrupted; the next `make` begins the installation again")


def _install() -> None:
    check(ROOT, free_megabytes=FREE_MEGABYTES)
    if signs := set('"$`\\') & set(str(ROOT)):  # Postgres' initdb has its own path in double quotes for a shell
        raise CloudError(f"the path {ROOT} has {min(signs)} in it: move the clone")
    if not find_spec("ensurepip"):
        raise CloudError(f"{sys.executable} has no venv; on Debian and Ubuntu: sudo apt install python3-venv")
    if stop(FOLDER):
        _say("the laptop's cloud is stopped, because its programs are replaced: `make up` starts it again")
    LOG.parent.mkdir(parents=True, exist_ok=True)
    _say("installing into .venv and node_modules")
    uv = (str(VENV / "bin" / "uv"), "pip")
    _run(sys.executable, "-I", "-m", "venv", "--clear", str(VENV))
    _run(str(PYTHON), "-m", "pip", "install", "--require-hashes", "--requirement", "requirements/uv.txt")
    indexes = uv_indexes(PYTHON)
    into = ("--python", str(PYTHON))
    _run(*uv, "sync", *into, "--require-hashes", "requirements/dev.txt", "requirements/uv.txt", **indexes)
    _run(*uv, "install", *into, "--no-deps", "--no-build-isolation", "--editable", ".", **indexes)
    _run("npm", "ci", "--include=dev")
    STAMP.write_text(str(ROOT), encoding="utf-8")


def _say(step: str) -> None:
    print(step, flush=True)  # noqa: T201


def _run(*command: str, **variables: str) -> None:
    """Run a step of the installation; raise CloudError, with its own word and the log's place, when it fails."""
    with LOG.open("ab") as log:
        began = log.tell()
        environment = variables | of_installation()
        done = subprocess.run(  # noqa: S603  our own command
            command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False
        )
    if done.returncode:
        told = LOG.read_bytes()[began:].decode(errors="replace").splitlines() or [f"exit {done.returncode}"]
        reason = next((line for line in told if "error" in line.lower()), told[-1])
        raise CloudError(f"cannot install: {Path(command[0]).name}: {in_one_line(reason)}; its log: {LOG}")


def _is_installed() -> bool:
    """Tell whether what is pinned is here, and was installed under this path: scripts in .venv have it in them."""
    if not (STAMP.exists() and PYTHON.exists() and STAMP.read_text(encoding="utf-8") == str(ROOT)):
        return False
    return all((ROOT / pin).stat().st_mtime <= STAMP.stat().st_mtime for pin in PINS)


if __name__ == "__main__":
    main()
