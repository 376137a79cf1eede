"""AWS's protocol on loopback, from the package ministack; what it holds is in memory and goes with its process."""

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from local.component import LOOPBACK, Narrate
from local.supervisord_conf import Program
from scripts.common.target import Target

REGION = "us-east-1"
ONE_TRY = {"connect_timeout": 2, "read_timeout": 2, "retries": {"total_max_attempts": 1}}


@dataclass(frozen=True, kw_only=True)
class MiniStack:
    """The endpoint, behind its guard. Its Lambdas run in this very Python, and sign with its credentials."""

    name = "aws"
    start_seconds = 300

    folder: Path
    port: int
    access_key_id: str
    secret_access_key: str

    @property
    def endpoint(self) -> str:
        """The endpoint's address."""
        return f"http://{LOOPBACK}:{self.port}"

    def prepare(self, narrate: Narrate) -> None:
        """Remove what the process before left: it is of no use without that one's memory."""
        narrate("AWS: starting")
        shutil.rmtree(self.folder, ignore_errors=True)
        (self.folder / "tmp").mkdir(parents=True, mode=0o700)

    def variables(self) -> dict[str, str]:
        """Return what a client of the endpoint needs."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
        }

    def program(self) -> Program:
        """Return the endpoint; once dead it is not started again, because it would come back empty."""
        environment = {
            "GATEWAY_PORT": str(self.port),
            "MINISTACK_HOST": LOOPBACK,  # in the addresses that it makes
            "MINISTACK_REGION": REGION,
            "IOT_MTLS_ENABLED": "0",  # it would open a port of its own
            "PERSIST_STATE": "0",
            "STATE_DIR": str(self.folder / "state"),
            "S3_DATA_DIR": str(self.folder / "s3"),
            "TMPDIR": str(self.folder / "tmp"),
        }
        return Program(
            name=self.name,
            command=(sys.executable, "-m", "local.aws_endpoint", str(self.folder.parent), str(self.port)),
            environment=environment,
            stop_group=True,
            restart=False,
        )

    def answer(self) -> None:
        """Ask who we are."""
        Target.local(self.variables()).client("sts", ONE_TRY).get_caller_identity()

    def settle(self) -> None:
        """Nothing: the deploy fills it."""
