"""Serves the console on loopback."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

import uvicorn

from console.app import application
from console.guard import TakeToken
from console.source import Source
from scripts.common.errors import WrongUseError


@dataclass(frozen=True)
class Listeners:
    """Sockets at both of loopback's addresses, on one port."""

    port: int
    sockets: list[socket.socket]


@contextmanager
def listen(port: int) -> Iterator[Listeners]:
    """Listen on this port of loopback, or on a free one for 0; raises WrongUseError if it is taken.

    At both addresses: what `localhost` means first, nobody else shall answer at.
    """
    with ExitStack() as stack:
        try:
            first = stack.enter_context(socket.create_server(("127.0.0.1", port)))
        except OSError as error:
            raise WrongUseError(f"port {port}: {error.strerror}") from None
        chosen = first.getsockname()[1]
        sockets = [first]
        with suppress(OSError):  # a machine without IPv6
            sockets.append(stack.enter_context(socket.create_server(("::1", chosen), family=socket.AF_INET6)))
        yield Listeners(chosen, sockets)


def serve(source: Source, listeners: Listeners, take_token: TakeToken) -> None:
    """Serve until the process is told to end, by Ctrl-C or a signal."""
    app = application(source, port=listeners.port, take_token=take_token)
    config = uvicorn.Config(app, access_log=False, server_header=False, ws="none", log_level="warning")
    with suppress(KeyboardInterrupt):  # uvicorn has ended by then
        uvicorn.Server(config).run(sockets=listeners.sockets)
