"""The components' processes, kept by supervisord and steered over its own socket."""

import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault

from supervisor.xmlrpc import Faults  # type: ignore[import-untyped]

from local import environment
from local.component import CloudError, in_one_line
from local.folder import short
from local.stop import MARK, stop, sweep
from local.supervisor_rpc import connected
from local.supervisord_conf import CONFIGURATION, LOGS, SOCKET, Program, render

RUNNING = ("STARTING", "RUNNING")


class Supervisor:
    """The supervisord of one folder. It outlives this process and every terminal, until `shut_down`."""

    def __init__(self, folder: Path) -> None:
        """Take the folder for configuration, socket and logs."""
        self.folder = folder
        self.logs = folder / LOGS

    def alive(self) -> bool:
        """Say whether supervisord answers."""
        try:
            with self._server() as server:
                return bool(server.getState()["statename"] == "RUNNING")
        except OSError:
            return False

    def keep(self, programs: Iterable[Program]) -> None:
        """Have supervisord know exactly these programs; none is started, and one that runs unchanged goes on."""
        for folder in (self.logs, self.folder / "tmp"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        near = short(self.folder)
        socket = SOCKET if near == self.folder else str(near / SOCKET)
        with (self.folder / CONFIGURATION).open("w", encoding="utf-8") as file:
            render(socket, programs).write(file)
        if self.alive():
            self._update()
        else:
            self._launch()

    def start(self, name: str) -> None:
        """Start one program without waiting for it; one that runs already goes on."""
        with self._server() as server, _allowing(Faults.ALREADY_STARTED):
            server.startProcess(name, False)  # noqa: FBT003 (XML-RPC knows no keywords)

    def stop(self, name: str) -> None:
        """Stop one program and wait until it has ended."""
        with suppress(ConnectionError, FileNotFoundError), self._server() as server, _allowing(Faults.NOT_RUNNING):
            server.stopProcess(name)

    def state(self, name: str) -> str:
        """Return supervisord's word for the program's state, STOPPED when there is no supervisord."""
        return str(self._information(name).get("statename", "STOPPED"))

    def pid(self, name: str) -> int | None:
        """Return the program's process id while it runs."""
        return self._information(name).get("pid") or None

    def shut_down(self) -> None:
        """End all programs, supervisord, and what an earlier supervisord of this folder may have left behind."""
        stop(self.folder)

    def sweep(self) -> None:
        """End what an earlier supervisord of this folder may have left behind."""
        sweep(self.folder)

    def _launch(self) -> None:
        command = (sys.executable, "-m", "supervisor.supervisord", "-c", CONFIGURATION)
        # A session of its own: Ctrl-C in the caller's terminal does not reach it.
        launched = subprocess.run(  # noqa: S603
            command,
            cwd=self.folder,
            env=environment.of_components(self.folder) | {MARK: str(self.folder)},
            start_new_session=True,
            capture_output=True,
            text=True,
            check=False,
        )
        if launched.returncode:
            raise CloudError(f"supervisord did not start: {in_one_line(launched.stderr)}")

    def _update(self) -> None:
        with self._server() as server:
            ((added, changed, removed),) = server.reloadConfig()
            for name in (*changed, *removed):
                with _allowing(Faults.NOT_RUNNING):
                    server.stopProcess(name)
                server.removeProcessGroup(name)
            for name in (*changed, *added):
                server.addProcessGroup(name)

    def _information(self, name: str) -> dict[str, Any]:
        with suppress(OSError), _allowing(Faults.BAD_NAME), self._server() as server:
            return dict(server.getProcessInfo(name))
        return {}

    def _server(self) -> AbstractContextManager[Any]:
        return connected(self.folder)


@contextmanager
def _allowing(code: int) -> Iterator[None]:
    try:
        yield
    except Fault as fault:
        if fault.faultCode != code:
            raise CloudError(f"supervisord: {fault.faultString}") from fault
