"""supervisord's own protocol, XML-RPC over a Unix socket in its folder. Standard library only."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from xmlrpc.client import ServerProxy, Transport

from local.folder import short
from local.supervisord_conf import SOCKET

ANSWER_SECONDS = 120  # stopping all programs takes up to 30, then they are killed


class _Connection(HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=ANSWER_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class _Transport(Transport):
    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def make_connection(self, host: Any) -> HTTPConnection:
        connection = self._connection[1] or _Connection(self._path)
        self._connection = host, connection  # where `close` looks for it
        return connection


@contextmanager
def connected(folder: Path) -> Iterator[Any]:
    """Yield the methods of the supervisord of this folder; raises an OSError where there is none."""
    if not (folder / SOCKET).exists():
        raise FileNotFoundError(SOCKET)
    with ServerProxy("http://localhost", transport=_Transport(short(folder) / SOCKET)) as proxy:
        yield proxy.supervisor
