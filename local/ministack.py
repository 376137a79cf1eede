"""AWS's protocol on loopback, from the package ministack; what it holds is in memory and goes with its process."""

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import requests

from local.component import LOOPBACK, Narrate
from local.supervisord_conf import Program

REGION = "us-east-1"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}  # any will do


@dataclass(frozen=True, kw_only=True)
class MiniStack:
    """The endpoint. Its Lambdas run in this very Python."""

    name = "aws"
    start_seconds = 60

    folder: Path
    port: int

    @property
    def endpoint(self) -> str:
        """The endpoint's address."""
        return f"http://localhost:{self.port}"

    def prepare(self, narrate: Narrate) -> None:
        """Remove what the process before left: it is of no use without that one's memory."""
        narrate("AWS: starting")
        shutil.rmtree(self.folder, ignore_errors=True)
        (self.folder / "tmp").mkdir(parents=True, mode=0o700)

    def program(self) -> Program:
        """Return the endpoint; once dead it is not started again, because it would come back empty."""
        environment = {
            "BIND_HOST": LOOPBACK,
            "GATEWAY_PORT": str(self.port),
            "MINISTACK_REGION": REGION,
            "IOT_MTLS_ENABLED": "0",  # it would open a port of its own
            "PERSIST_STATE": "0",
            "STATE_DIR": str(self.folder / "state"),
            "S3_DATA_DIR": str(self.folder / "s3"),
            "TMPDIR": str(self.folder / "tmp"),
            **CREDENTIALS,
        }
        return Program(
            name=self.name,
            command=(sys.executable, "-m", "ministack"),
            environment=environment,
            stop_group=True,
            restart=False,
        )

    def answer(self) -> None:
        """Ask for its health."""
        requests.get(f"http://{LOOPBACK}:{self.port}/_ministack/health", timeout=2).raise_for_status()

    def settle(self) -> None:
        """Nothing: the deploy fills it."""
