"""The processes of a history, as their parent sees them."""

import multiprocessing
import os
import signal
import time
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, NamedTuple

import psutil

from tests.histories.actor import Command, serve
from tests.histories.stores import Stores

PRELOADED = ["chalicelib.worker", "chalicelib.operations.handlers", "chalicelib.ledger.migrate", "botocore.session"]
PATIENCE_SECONDS = 0.1  # before the time-outs of stopped processes are made to pass
STUCK_SECONDS = 60


class Outcome(NamedTuple):
    """How a command ended: done, failed, or killed."""

    how: str
    value: Any


@dataclass
class Setting:
    """What every process is started with."""

    environment: dict[str, str]
    secrets: dict[str, Any]
    queue_url: str


@dataclass
class Process:
    """One process, which is started again when it was killed."""

    number: int
    setting: Setting
    stopped: bool = False
    running: Command | None = None
    outcomes: list[tuple[Command, Outcome]] = field(default_factory=list)
    _process: BaseProcess | None = None
    _pipe: Connection | None = None

    def send(self, command: Command) -> None:
        """Start the command and return at once."""
        if self._process is None:
            context = multiprocessing.get_context("forkserver")
            context.set_forkserver_preload(PRELOADED)
            self._pipe, theirs = context.Pipe()
            one = self.setting
            arguments = (theirs, self.number, one.environment, one.secrets, one.queue_url)
            self._process = context.Process(target=serve, args=arguments, daemon=True)
            self._process.start()
            theirs.close()
        assert self._pipe
        assert self.running is None
        self._pipe.send(command)
        self.running = command

    def look(self, seconds: float) -> bool:
        """Wait so long for a message; return whether the command still runs and is not stopped."""
        if self.running is None or self.stopped:
            return False
        assert self._pipe
        if not self._pipe.poll(seconds):
            return True
        try:
            how, value = self._pipe.recv()
        except (EOFError, ConnectionResetError):
            self._end(Outcome("killed", None))
            return False
        if how == "stopped":
            self._await_stop()
            self.stopped = True
        else:
            self._end(Outcome(how, value), gone=False)
        return False

    def thaw(self) -> None:
        if self.stopped:
            self.stopped = False
            self._signal(signal.SIGCONT)

    def stop(self) -> None:
        """Stop it wherever it is."""
        if self.running and not self.stopped:
            self._signal(signal.SIGSTOP)
            self._await_stop()
            self.stopped = True

    def kill(self) -> None:
        """Kill it wherever it is."""
        if self._process is None:
            return
        self._signal(signal.SIGKILL)
        self._end(Outcome("killed", None))

    def _signal(self, number: int) -> None:
        assert self._process
        assert self._process.pid
        os.kill(self._process.pid, number)

    def _await_stop(self) -> None:
        """Wait until it is stopped, lest it be made to go on before that: the message is sent before the signal."""
        assert self._process
        process, until = psutil.Process(self._process.pid), time.monotonic() + STUCK_SECONDS
        while process.status() != psutil.STATUS_STOPPED and time.monotonic() < until:
            time.sleep(0.0005)

    def _end(self, outcome: Outcome, *, gone: bool = True) -> None:
        if self.running:
            self.outcomes.append((self.running, outcome))
        self.running, self.stopped = None, False
        if gone and self._process and self._pipe:
            self._process.join(10)
            self._process.close()
            self._pipe.close()
            self._process = self._pipe = None


@dataclass
class Pool:
    """All of them."""

    processes: list[Process]
    stores: Stores

    def wait(self, process: Process) -> None:
        """Wait until the command has ended or is stopped; meanwhile time passes for processes that are stopped."""
        until = time.monotonic() + STUCK_SECONDS
        while process.look(PATIENCE_SECONDS):
            self.pass_time()
            if time.monotonic() > until:
                raise AssertionError(f"{process.running} is stuck")

    def wait_for_all(self) -> None:
        """Let everything go on and end."""
        for process in self.processes:
            process.thaw()
        while any(process.running for process in self.processes):
            for process in self.processes:
                self.wait(process)
                process.thaw()

    def pass_time(self) -> None:
        """End what the time-outs of both servers end, 15 s and 10 s, of processes that are stopped."""
        stopped = [process.number for process in self.processes if process.stopped]
        if stopped:
            self.stores.cut_postgres(stopped)
            self.stores.cut_graph()
