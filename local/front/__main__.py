"""Serve the front on loopback: `python -m local.front FOLDER PORT ENDPOINT`."""

import socket
import sys
from contextlib import suppress
from pathlib import Path

import uvicorn

from local.front.app import Front
from local.passwords import passwords


def main() -> None:
    """Serve until the supervisor stops it."""
    folder, port, endpoint = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    front = Front(folder, endpoint=endpoint, front_key=passwords(folder)["front"])
    server = uvicorn.Server(uvicorn.Config(front.application(), access_log=False, server_header=False))
    server.run(sockets=list(_listeners(port)))


def _listeners(port: int) -> list[socket.socket]:
    """Listen at both of loopback's addresses: what `localhost` means first, nobody else shall answer at."""
    listeners = [socket.create_server(("127.0.0.1", port))]
    with suppress(OSError):  # a machine without IPv6
        listeners.append(socket.create_server(("::1", port), family=socket.AF_INET6))
    return listeners


if __name__ == "__main__":
    main()
