"""What `make up` does: start, deploy, and not say that all is well before the example and every command have worked."""

import os
import subprocess
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from rich.console import Console

from local import queues
from local.cloud import Cloud
from local.component import CloudError, Narrate, in_one_line
from local.demo import EMAIL, PASSWORD, BrokenDeploymentError, demonstrate
from local.deploy import deploy, empty
from local.environment import COMMANDS as FOLDERS
from local.ports import Ports
from local.queue_files import describe
from scripts.common.target import Target

COMMAND_SECONDS = 300
# Each once, side by side with the other lane. None changes anything but the graph of the example's user, which is as it
# should be afterwards. The first lane reads the dead-letter queue: a command there hides its messages from others.
LANES: tuple[Mapping[str, tuple[str, ...]], ...] = (
    {
        "redrive-dlq": (),
        "erase-user": (EMAIL,),
        "export-user": (EMAIL,),
        "preflight": (),
        "tunnel": ("postgres",),
    },
    {
        "create-user": (EMAIL,),
        "get-bearer-token": (EMAIL, PASSWORD),
        "stats": ("--days", "1", "--json"),
        "rebuild-graph": ("--user", EMAIL),
        "verify-graph": (),
    },
)


def up(cloud: Cloud, console: Console, narrate: Callable[[str], Any]) -> None:
    """Bring the cloud up with all that belongs to it, and show the example; raises CloudError when something fails."""
    cloud.up(narrate=narrate)
    cloud.ports.remember(cloud.folder)
    target, environment = _deploy(cloud, console, narrate)
    try:
        demonstrate(target, environment, console)
    except BrokenDeploymentError as error:
        console.print(f"{error}: all of it is deployed again; users and tokens are new")
        empty(cloud)
        target, environment = _deploy(cloud, console, narrate)
        demonstrate(target, environment, console)
    narrate("running every command once")
    check_commands(environment)
    console.print(
        f"\nThe API is at [bold]{environment['API_URL']}/interaction[/], for browsers too. A token for it:\n"
        f"  . .local/env; get-bearer-token -e local {EMAIL} {PASSWORD}",
        soft_wrap=True,
    )


def find_cloud(folder: Path, narrate: Narrate) -> Cloud:
    """Return the cloud in this folder, on the ports that are set now or were before."""
    return Cloud(folder=folder, ports=Ports.of(Ports.remembered(folder, narrate) | os.environ))


def check_commands(environment: Mapping[str, str]) -> None:
    """Run each command once; raises CloudError with the name and the own word of those that fail."""

    def failures(lane: Mapping[str, tuple[str, ...]]) -> list[str]:
        results = ((name, _run(environment, name, *words)) for name, words in lane.items())
        return [f"`{name}` does not work: {failure}" for name, failure in results if failure]

    with ThreadPoolExecutor(len(LANES)) as pool:
        failed = [failure for found in pool.map(failures, LANES) for failure in found]
    if failed:
        raise CloudError(f"{'; '.join(failed)}. `make down` and `make up` deploy all of it again")


def _deploy(cloud: Cloud, console: Console, narrate: Narrate) -> tuple[Target, dict[str, str]]:
    target, environment = deploy(cloud, narrate)
    if sent := describe(queues.send_earlier(target, cloud.folder)):
        console.print(f"Sent again: {sent} from before")
    return target, environment


def _run(environment: Mapping[str, str], name: str, *words: str) -> str:
    """Run a command as a person would; return what is wrong, empty if nothing is."""
    command = (str(FOLDERS[0] / name), "-e", "local", *words)
    try:
        done = subprocess.run(  # noqa: S603
            command,
            env=os.environ | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"no end after {COMMAND_SECONDS} s"
    except OSError as error:
        return str(error.strerror)
    return in_one_line(done.stderr or done.stdout) or f"exit {done.returncode}" if done.returncode else ""
