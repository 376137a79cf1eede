"""The front as a component of the laptop's cloud."""

import sys
from dataclasses import dataclass
from pathlib import Path

import requests

from local.component import LOOPBACK, Narrate
from local.front.app import SIGN_IN_PATH
from local.supervisord_conf import Program


@dataclass(frozen=True, kw_only=True)
class FrontComponent:
    """The front; its address stays the same, whatever is deployed and however often."""

    name = "api"
    start_seconds = 300

    folder: Path
    port: int
    endpoint: str
    bolt: str
    """User and address of Neo4j, for the page that draws the graph."""

    @property
    def url(self) -> str:
        """Where the API answers; a page of any other origin may call it."""
        return f"http://localhost:{self.port}"

    @property
    def sign_in_url(self) -> str:
        """Where a page signs its user in: the endpoint for an SDK's client of the user pool."""
        return f"{self.url}{SIGN_IN_PATH}"

    def prepare(self, narrate: Narrate) -> None:
        """Nothing to make: what was deployed lies with the endpoint's files."""
        narrate("API: starting")

    def program(self) -> Program:
        """Return the server."""
        command = (
            sys.executable,
            "-m",
            "local.front",
            str(self.folder),
            str(self.port),
            self.endpoint,
            self.bolt,
        )
        return Program(name=self.name, command=command)

    def answer(self) -> None:
        """Ask for anything: it says 503 before something is deployed, and needs nothing behind it for that."""
        requests.options(f"http://{LOOPBACK}:{self.port}{SIGN_IN_PATH}", timeout=2).raise_for_status()

    def settle(self) -> None:
        """Nothing: the deploy fills it."""
