"""The laptop's cloud: the Makefile calls this."""

import os
import shutil
import sys
import time
from pathlib import Path

import click
from rich.console import Console

from local.cloud import Cloud
from local.demo import demonstrate
from local.deploy import deploy
from local.part import CloudError
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
    with console.status("starting Postgres, Neo4j and the AWS endpoint") as status:
        cloud.up(narrate=status.update)
        cloud.ports.remember(FOLDER)
        target, environment = deploy(cloud, status.update)
    demonstrate(target, environment, console)
    console.print(f"Up after {time.monotonic() - began:.0f} s.")


@local.command()
def down() -> None:
    """Stop everything; the stores keep their data."""
    _cloud().down()


@local.command()
def status() -> None:
    """Show each part's state; exit 1 unless all run."""
    states = _cloud().status()
    for part, state in states.items():
        console.print(f"{part:10}{state}")
    sys.exit(set(states.values()) != {"RUNNING"})


@local.command()
def clean() -> None:
    """Stop everything and remove it, with its data; what tests that were cut off left running, too."""
    for folder in FOLDER.glob("test-*"):
        Cloud(folder=folder).down()
    if FOLDER.exists():
        _cloud().down()
        shutil.rmtree(FOLDER)


def _cloud() -> Cloud:
    return Cloud(folder=FOLDER, ports=Ports.of(Ports.remembered(FOLDER) | os.environ))


def main() -> None:
    """Run a command; what is wrong is told in one line."""
    try:
        local()
    except CloudError as error:
        sys.exit(f"Error: {error}")


if __name__ == "__main__":
    main()
