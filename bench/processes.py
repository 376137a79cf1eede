"""Runs processes of `bench.drainer` side by side, each with the code of some `runtime` folder."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.drainer import ANSWER

ROOT = Path(__file__).parents[1]


class Drainer:
    """One process; it has no connection but its own."""

    def __init__(self, secrets: Mapping[str, Any], runtime: Path = ROOT / "runtime") -> None:
        """Start it, and return once it is connected to Postgres."""
        environment = {**os.environ, "PYTHONPATH": f"{runtime}{os.pathsep}{ROOT}"}
        self._process = subprocess.Popen(
            [sys.executable, "-X", "utf8", "-m", "bench.drainer"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._send(secrets)

    def start(self, do: str, **arguments: Any) -> None:
        """Begin a command."""
        self._send({"do": do, **arguments})

    def answer(self) -> dict[str, float]:
        """Wait for its answer; raises RuntimeError if the process ended."""
        if self._process.stdout is None:
            raise RuntimeError("no output")
        for line in self._process.stdout:  # metrics are lines too
            if line.startswith(ANSWER):
                answer: dict[str, float] = json.loads(line.removeprefix(ANSWER))
                return answer
        raise RuntimeError("a process of the bench ended early")

    def close(self) -> None:
        """End the process."""
        if self._process.stdin:
            self._process.stdin.close()
        self._process.wait(30)

    def _send(self, message: Any) -> None:
        if self._process.stdin:
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()


@contextmanager
def drainers(count: int, secrets: Mapping[str, Any], runtime: Path = ROOT / "runtime") -> Iterator[list[Drainer]]:
    """Yield so many processes, and end them."""
    started = [Drainer(secrets, runtime) for _ in range(count)]
    try:
        yield started
    finally:
        for one in started:
            one.close()


def seconds(processes: Sequence[Drainer], commands: Sequence[tuple[str, Mapping[str, Any]]]) -> float:
    """Give each process its command, all at once; return the time of the slowest."""
    for process, (do, arguments) in zip(processes, commands, strict=True):
        process.start(do, **arguments)
    return max(process.answer()["seconds"] for process in processes)
