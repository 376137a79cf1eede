"""Serves the console on loopback."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

import uvicorn

from console.app import application
from console.guard import TakeToken
from console.source import Source
from scripts.common import loopback
from scripts.common.errors import WrongUseError


@dataclass(frozen=True)
class Listeners:
    """Sockets at both of loopback's addresses, on one port."""

    port: int
    sockets: list[socket.socket]


@contextmanager
def listen(port: int) -> Iterator[Listeners]:
    """Listen on this port of loopback, or on a free one for 0; raises WrongUseError if it is taken."""
    with ExitStack() as stack:
        try:
            sockets = [stack.enter_context(one) for one in loopback.listen(port)]
        except OSError as error:
            raise WrongUseError(f"port {port}: {error.strerror}") from None
        yield Listeners(sockets[0].getsockname()[1], sockets)


def serve(source: Source, listeners: Listeners, take_token: TakeToken) -> None:
    """Serve until the process is told to end, by Ctrl-C or a signal."""
    app = application(source, port=listeners.port, take_token=take_token)
    config = uvicorn.Config(app, access_log=False, server_header=False, ws="none", log_level="warning")
    with suppress(KeyboardInterrupt):  # uvicorn has ended by then
        uvicorn.Server(config).run(sockets=listeners.sockets)
