"""What `make up` does: start, deploy, and not say that all is well before the example and every command have worked."""

import os
import subprocess
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
from rich.console import Console
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_fixed

from chalicelib.ledger import rebuilds
from local import offline_rebuild, queues
from local.cloud import Cloud
from local.component import CloudError, Narrate, in_one_line
from local.demo import EMAIL, PASSWORD, BrokenDeploymentError, demonstrate
from local.deploy import deploy, empty
from local.environment import COMMANDS as FOLDERS
from local.ports import Ports
from local.queue_files import describe
from scripts.common.target import Target

COMMAND_SECONDS = 1800  # to verify or to rebuild the graph of a large ledger takes minutes
COMMANDS_PAUSE_SECONDS = 20  # before they run again
EXPORT = Path(__file__).parents[1] / ".local" / "export"  # of a day on which nothing happened
# Each once, side by side with the other lane. None changes anything but the graph of the example's user, which is as it
# should be afterwards. All that read the dead-letter queue are in the first lane: each hides its messages from others.
LANES: tuple[Mapping[str, tuple[str, ...]], ...] = (
    {
        "redrive-dlq": (),
        "erase-user": (EMAIL,),
        "export-user": (EMAIL,),
        "stats": ("--days", "1", "--json"),
    },
    {
        "create-user": (EMAIL,),
        "get-bearer-token": (EMAIL, PASSWORD),
        "exclude-user": (EMAIL, "--undo"),
        "export-ledger": ("--since", "2000-01-01", "--until", "2000-01-01", "--again", "-o", str(EXPORT)),
        "preflight": (),
        "tunnel": ("postgres",),
        "rebuild-graph": ("--user", EMAIL),
        "verify-graph": (),
    },
)


def up(cloud: Cloud, console: Console, narrate: Callable[[str], Any]) -> dict[str, str]:
    """Bring the cloud up with all that belongs to it, and show the example; return the pages to open.

    Raises CloudError when something fails.
    """
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
    # A busy graph may refuse a command's work for some seconds; and the rebuild may begin in the middle.
    failed = retry_if_exception_type(CloudError)
    again = Retrying(retry=failed, stop=stop_after_attempt(3), wait=wait_fixed(COMMANDS_PAUSE_SECONDS), reraise=True)
    again(check_commands, environment, narrate)
    remove_leftovers(cloud, environment)
    url = environment["API_URL"]
    console.print(
        f"\nThe API is at [bold]{url}/interaction[/], for browsers too; {url}/docs shows all of it. A token for it:\n"
        f"  . .local/env; get-bearer-token -e local {EMAIL} {PASSWORD}",
        soft_wrap=True,
    )
    return {"a page that tracks": f"{url}/", "the console (once)": cloud.console_address()}


def find_cloud(folder: Path, narrate: Narrate) -> Cloud:
    """Return the cloud in this folder, on the ports that are set now or were before."""
    return Cloud(folder=folder, ports=Ports.of(Ports.remembered(folder, narrate) | os.environ))


def check_commands(environment: Mapping[str, str], narrate: Narrate) -> None:
    """Run each command once; raises CloudError with the name and the own word of those that fail.

    First it ends a rebuild of the graph that is under way, because verify-graph refuses meanwhile. Catch-up starts one
    after an upgrade that draws the graph in another way, or when Neo4j's data is lost.
    """
    if rebuild := _rebuild_under_way(environment):
        narrate("rebuilding the graph from the ledger")
        # Takes part in that rebuild; one by the importer, which was cut off, it replaces.
        _run(environment, "rebuild-graph", *(("--from-scratch", "--yes") if rebuild["offline"] else ()))
    narrate("running every command once")
    if failed := _failing_commands(environment):
        raise CloudError(f"{'; '.join(failed)}. `make down` and `make up` deploy all of it again")


def remove_leftovers(cloud: Cloud, environment: Mapping[str, str]) -> None:
    """Remove the files of an offline rebuild that was killed: an erasure would not reach them."""
    if not _rebuild_under_way(environment):
        offline_rebuild.remove_leftovers(cloud.folder)


def _failing_commands(environment: Mapping[str, str]) -> list[str]:
    def failures(lane: Mapping[str, tuple[str, ...]]) -> list[str]:
        results = ((name, _run(environment, name, *words)) for name, words in lane.items())
        return [f"`{name}` does not work: {failure}" for name, failure in results if failure]

    with ThreadPoolExecutor(len(LANES)) as pool:
        return [failure for found in pool.map(failures, LANES) for failure in found]


def _rebuild_under_way(environment: Mapping[str, str]) -> dict[str, Any] | None:
    with psycopg.connect(environment["DATABASE_URL"]) as ledger:
        return rebuilds.under_way(ledger)


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
    if not done.returncode:
        return ""
    [*_, told] = (done.stderr or done.stdout).splitlines() or [f"exit {done.returncode}"]
    return in_one_line(told)
