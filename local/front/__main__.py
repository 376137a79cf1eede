"""Serve the front on loopback: `python -m local.front FOLDER PORT ENDPOINT BOLT`."""

import sys
from pathlib import Path

import uvicorn

from local.front.app import Front
from local.passwords import passwords
from scripts.common.loopback import listen


def main() -> None:
    """Serve until the supervisor stops it."""
    folder, port, endpoint = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    front = Front(folder, endpoint=endpoint, front_key=passwords(folder)["front"], bolt=sys.argv[4])
    server = uvicorn.Server(uvicorn.Config(front.application(), access_log=False, server_header=False))
    server.run(sockets=listen(port))


if __name__ == "__main__":
    main()
