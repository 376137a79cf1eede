"""The laptop's cloud: the Makefile calls this."""

import functools
import os
import shutil
import sys
import time
import traceback
from pathlib import Path

import click
from rich.console import Console

from local.cloud import Cloud
from local.component import CloudError, in_one_line
from local.demo import demonstrate
from local.deploy import deploy
from local.environment import leave_accounts
from local.ports import Ports

FOLDER = Path(__file__).parents[1] / ".local"

console = Console()


@click.group(help=__doc__)
def local() -> None:
    """Group the commands."""


@local.command()
def up() -> None:
    """Start what does not run, deploy what changed, and send the example through it."""
    began, cloud = time.monotonic(), _cloud()
    try:
        with console.status("starting Postgres, Neo4j and the AWS endpoint") as status:
            narrate = status.update if console.is_terminal else _tell
            with cloud.alone(narrate):
                cloud.up(narrate=narrate)
                cloud.ports.remember(FOLDER)
                target, environment = deploy(cloud, narrate)
        demonstrate(target, environment, console)
    except KeyboardInterrupt:
        raise CloudError("interrupted; what it started goes on: `make up` finishes it, `make down` stops it") from None
    console.print(f"Up after {time.monotonic() - began:.0f} s.")


@local.command()
def down() -> None:
    """Stop everything; the stores keep their data."""
    cloud = _cloud()
    with cloud.alone(console.print):
        cloud.down()


@local.command()
def status() -> None:
    """Show each component's state; exit 1 unless all run."""
    states = _cloud().status()
    for component, state in states.items():
        console.print(f"{component:10}{state}")
    sys.exit(set(states.values()) != {"RUNNING"})


@local.command()
def clean() -> None:
    """Stop everything and remove it, with its data; what tests that were cut off left running, too."""
    for folder in FOLDER.glob("test-*"):
        Cloud(folder=folder).down()
    if FOLDER.exists():
        cloud = _cloud()
        with cloud.alone(console.print):
            cloud.down()
            shutil.rmtree(FOLDER)


@functools.cache
def _say(step: str) -> None:
    console.print(step)


def _tell(told: str) -> None:
    """Print each step once, where nothing can be updated in place: not how far it is."""
    _say(told.partition(",")[0])


def _cloud() -> Cloud:
    return Cloud(folder=FOLDER, ports=Ports.of(Ports.remembered(FOLDER) | os.environ))


def main() -> None:
    """Run a command; what is wrong is told in one line."""
    leave_accounts()
    os.umask(0o022)  # the files that are secret say so themselves
    try:
        local()
    except CloudError as error:
        sys.exit(f"Error: {error}")
    except Exception as error:  # noqa: BLE001  whatever it is, a person gets one line
        sys.exit(f"Error: {type(error).__name__}: {in_one_line(error)}; {_keep_traceback()}")


def _keep_traceback() -> str:
    log = FOLDER / "logs" / "make.log"
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a", encoding="utf-8") as file:
            traceback.print_exc(file=file)
    except OSError as error:
        return f"and {log} cannot be written: {error.strerror}"
    return f"its log: {log}. `make down` and `make up` start afresh"


if __name__ == "__main__":
    main()
