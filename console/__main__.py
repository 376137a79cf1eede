"""Serve the laptop's console for the supervisor: `python -m console FOLDER PORT`."""

import sys
from pathlib import Path

from console.guard import token_in_file
from console.server import listen, serve
from console.source import Source
from local.console import TOKEN
from scripts.common.target import Target, read_local_environment
from stacks.config.environments import ENVIRONMENTS


def main() -> None:
    """Serve until the supervisor stops it. `make up` writes the tokens that open it."""
    folder, port = Path(sys.argv[1]), int(sys.argv[2])
    discarded = folder / "discarded"
    discarded.mkdir(mode=0o700, exist_ok=True)
    source = Source(
        ENVIRONMENTS["local"],
        lambda: Target.local(read_local_environment(folder / "env")),
        allow_changes=True,
        discard_folder=discarded,
    )
    with listen(port) as listeners:
        serve(source, listeners, token_in_file(folder / TOKEN))


if __name__ == "__main__":
    main()
