"""The laptop's cloud: `make up` and `make status` call this.

Only the standard library is imported before the lock: `make clean` may remove the rest while this waits.
"""

import functools
import os
import sys
import time
import traceback
from pathlib import Path

from local.component import CloudError, in_one_line
from local.environment import ROOT, leave_accounts
from local.lock import alone
from local.stop import FOLDER

NOT_RUNNING = 3  # as service managers say it


def up() -> None:
    """Start what does not run, deploy what changed, send the example through it, and run every command."""
    began = time.monotonic()
    try:
        with alone(_say):
            if not (ROOT / ".venv" / "installed").exists():
                raise CloudError("`make clean` has removed the installation meanwhile: run `make up` again")
            from rich.console import Console  # noqa: PLC0415

            from local.up import find_cloud, up  # noqa: PLC0415

            console = Console()
            with console.status("starting Postgres, Neo4j and the AWS endpoint") as status:
                narrate = status.update if console.is_terminal else _tell
                pages = up(find_cloud(FOLDER, _say), console, narrate)
            console.print(f"Up after {time.monotonic() - began:.0f} s. Open:")
            for name, address in pages.items():
                console.print(f"  {name:20} [bold]{address}[/]", soft_wrap=True)
    except KeyboardInterrupt:
        raise CloudError("interrupted; what it started goes on: `make up` finishes it, `make down` stops it") from None


def status() -> None:
    """Show each component's state; exit 3 unless all run, which `make status` takes for an answer and not a failure."""
    from local.up import find_cloud  # noqa: PLC0415

    states = find_cloud(FOLDER, _say).status()
    for component, state in states.items():
        _say(f"{component:10}{state}")
    if set(states.values()) != {"RUNNING"}:
        _say("`make up` starts what does not run")
        sys.exit(NOT_RUNNING)


@functools.cache
def _say(step: str) -> None:
    print(step, flush=True)  # noqa: T201


def _tell(told: str) -> None:
    """Print each step once, where nothing can be updated in place: not how far it is."""
    _say(told.partition(",")[0])


def main() -> None:
    """Run a command; what is wrong is told in one line."""
    leave_accounts()
    os.umask(0o022)  # the files that are secret say so themselves
    try:
        {"up": up, "status": status}[sys.argv[1]]()
    except CloudError as error:
        sys.exit(f"Error: {error}")
    except Exception as error:  # noqa: BLE001  whatever it is, a person gets one line
        sys.exit(f"Error: {type(error).__name__}: {in_one_line(error)}; {_keep_traceback()}")


def _keep_traceback() -> str:
    log = Path(FOLDER, "logs", "make.log")
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a", encoding="utf-8") as file:
            traceback.print_exc(file=file)
    except OSError as error:
        return f"and {log} cannot be written: {error.strerror}"
    return f"its log: {log}. `make down` and `make up` start afresh"


if __name__ == "__main__":
    main()
