"""The console as a component of the laptop's cloud."""

import secrets
import sys
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final

import requests

from local.component import LOOPBACK, Narrate
from local.supervisord_conf import Program
from scripts.common.output_files import PRIVATE, replace_file

TOKEN: Final = "console-token"  # noqa: S105  a file's name


@dataclass(frozen=True, kw_only=True)
class ConsoleComponent:
    """The console of the environment `local`."""

    name = "console"
    start_seconds = 300

    folder: Path
    port: int

    def prepare(self, narrate: Narrate) -> None:
        """Nothing to make: it reads what the deploy wrote when somebody asks."""
        narrate("console: starting")

    def program(self) -> Program:
        """Return the server."""
        return Program(name=self.name, command=(sys.executable, "-m", "console", str(self.folder), str(self.port)))

    def answer(self) -> None:
        """Ask for a page: nobody is known yet."""
        answer = requests.get(f"http://{LOOPBACK}:{self.port}/", timeout=2)
        if answer.status_code != HTTPStatus.UNAUTHORIZED:
            answer.raise_for_status()

    def settle(self) -> None:
        """Nothing: the deploy fills it."""

    def address(self) -> str:
        """Return an address that opens the console once; an earlier one that was not used is no longer good."""
        token = secrets.token_urlsafe(32)
        with replace_file(self.folder / TOKEN, mode=PRIVATE) as file:
            file.write(token)
        return f"http://localhost:{self.port}/open?token={token}"
