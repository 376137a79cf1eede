"""The faults. Each does its harm and puts it right, and raises AssertionError if it harmed nothing."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import NamedTuple

import psutil
import psycopg

from tests.e2e.conftest import System
from tests.faults.conftest import Proxies, function_processes
from tests.faults.proxy import Proxy
from tests.outages import frozen

FAULT_SECONDS = 10
FROZEN_SECONDS = 30
HARM_SECONDS = 240  # catch-up comes by once a minute, and plans its query first on a server that has just started
MIN_KILLS = 5
BACKLOG_ROWS = int(os.environ.get("BACKLOG_ROWS", "100000"))
FREE_BYTES = 40_000_000  # of the small disk, beside the data
NO_SPACE = "No space left on device"

Harm = Callable[[System, Proxies], None]


class Fault(NamedTuple):
    """What is done, how long it takes, and what must be so before and after."""

    harm: Harm
    seconds: float = FAULT_SECONDS
    place: Callable[[System], AbstractContextManager[None]] = lambda _system: nullcontext()


def nothing(_system: System, _proxies: Proxies) -> None:
    """For comparison."""
    time.sleep(FAULT_SECONDS)


def killed(part: str) -> Harm:
    """Kill the server, with -9, and start it again later."""

    def harm(system: System, _proxies: Proxies) -> None:
        os.kill(system.cloud.pid(part), signal.SIGKILL)
        system.cloud.stop(part)  # or the supervisor would start it again at once
        time.sleep(FAULT_SECONDS)
        system.cloud.start(part)

    return harm


def held(part: str) -> Harm:
    """Freeze the server."""

    def harm(system: System, _proxies: Proxies) -> None:
        with frozen(system.cloud, part):
            time.sleep(FROZEN_SECONDS)

    return harm


def workers_killed(system: System, _proxies: Proxies) -> None:
    """Kill the worker's processes again and again, whatever they do."""
    kills = 0

    def kill() -> bool:
        nonlocal kills
        for process in function_processes(system, "orker"):
            with suppress(psutil.NoSuchProcess):
                process.kill()
                kills += 1
        return kills >= MIN_KILLS

    _wait(kill)


def between(harming: Callable[[Proxy], AbstractContextManager[None]]) -> Harm:
    """Have both proxies harm the connections."""

    def harm(_system: System, proxies: Proxies) -> None:
        both = (proxies.postgres, proxies.neo4j)
        before = [proxy.harmed for proxy in both]
        with ExitStack() as stack:
            for proxy in both:
                stack.enter_context(harming(proxy))
            _wait(lambda: all(proxy.harmed > count for proxy, count in zip(both, before, strict=True)))

    return harm


def disk_filled(part: str) -> Harm:
    """Fill the disk that the server's data is on to the last byte."""

    def harm(system: System, _proxies: Proxies) -> None:
        before, filler = _complaints(system), _data(system, part) / "filler"
        with filler.open("wb", buffering=0) as file:
            for size in (65_536, 1024, 1):
                try:
                    while file.write(b"\0" * size):
                        pass
                except OSError:
                    continue
        try:
            _wait(lambda: _complaints(system) > before)
        finally:
            filler.unlink()
            # It may have given up by now, or be there and refuse to write.
            system.cloud.stop(part)
            system.cloud.start(part)

    return harm


def on_small_disk(part: str) -> Callable[[System], AbstractContextManager[None]]:
    """Have the server's data on a tmpfs, and move it back."""

    @contextmanager
    def place(system: System) -> Iterator[None]:
        system.cloud.stop(part)
        data = _data(system, part)
        size = sum(file.stat().st_size for file in data.rglob("*") if file.is_file()) + FREE_BYTES
        kept = data.with_name("kept")
        data.rename(kept)
        data.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", data], check=True)  # noqa: S607
        subprocess.run(["cp", "-a", f"{kept}/.", data], check=True)  # noqa: S607
        try:
            system.cloud.start(part)
            yield
        finally:
            system.cloud.stop(part)
            shutil.rmtree(kept)
            subprocess.run(["cp", "-a", data, kept], check=True)  # noqa: S607
            subprocess.run(["umount", data], check=True)  # noqa: S607
            data.rmdir()
            kept.rename(data)
            system.cloud.start(part)

    return place


def backlog(system: System, _proxies: Proxies) -> None:
    """Have many rows wait for the graph, of a hundred users."""
    with psycopg.connect(system.environment["DATABASE_URL"]) as owner:
        owner.execute(
            "WITH rows AS (INSERT INTO interaction SELECT gen_random_uuid(), 'backlog-' || n %% 100, gen_random_uuid(),"
            " 'peel', 'artifact-' || n %% 1000, NULL, now(), now() FROM generate_series(1, %s) AS n"
            " RETURNING id, user_id)"
            " INSERT INTO graph_outbox (interaction_id, bytes, partition)"
            " SELECT id, 500, user_partition(user_id) FROM rows",
            [BACKLOG_ROWS],
        )
    time.sleep(FAULT_SECONDS)


def _wait(is_harmed: Callable[[], bool]) -> None:
    """Wait for the fault's time, and on a busy machine longer, until something was harmed."""
    began = time.monotonic()
    while not is_harmed() or time.monotonic() - began < FAULT_SECONDS:
        assert time.monotonic() - began < HARM_SECONDS, "nothing was harmed"
        time.sleep(0.5)


def _data(system: System, part: str) -> Path:
    return system.cloud.folder / part / "data"


def _complaints(system: System) -> int:
    """Count what both servers' logs say of a full disk."""
    logs = [*system.cloud.folder.glob("logs/*.log"), *system.cloud.folder.glob("neo4j/logs/*.log")]
    return sum(path.read_text(errors="replace").count(NO_SPACE) for path in logs)


FAULTS = {
    "nothing": Fault(nothing),
    "Postgres killed": Fault(killed("postgres")),
    "Neo4j killed": Fault(killed("neo4j")),
    "Postgres frozen": Fault(held("postgres"), FROZEN_SECONDS),
    "Neo4j frozen": Fault(held("neo4j"), FROZEN_SECONDS),
    "workers killed": Fault(workers_killed),
    "connections cut": Fault(between(lambda proxy: proxy.cutting(0.3))),
    "connections delayed": Fault(between(lambda proxy: proxy.delaying(0.25))),
    "connections swallowed": Fault(between(lambda proxy: proxy.swallowing())),
    "Postgres' disk full": Fault(disk_filled("postgres"), place=on_small_disk("postgres")),
    "Neo4j's disk full": Fault(disk_filled("neo4j"), place=on_small_disk("neo4j")),
    "rows waiting": Fault(backlog),
}
