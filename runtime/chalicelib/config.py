"""The functions' settings and AWS clients, read late: importing a module needs no environment."""

import functools
import json
import os
from typing import Any

import botocore.session
from botocore.config import Config

# Two short attempts: a frontend waits for the API function, and every other caller is called again.
SHORT = Config(connect_timeout=1, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 2})


class MissingSettingError(Exception):
    """The stack did not set an environment variable that the function needs."""


def setting(name: str) -> str:
    """Return the environment variable; raises MissingSettingError if it is absent or empty."""
    value = os.environ.get(name)
    if not value:
        raise MissingSettingError(name)
    return value


@functools.cache
def client(service: str, timeouts: Config = SHORT) -> Any:
    """Return the process's one client of an AWS service with these time-outs."""
    return botocore.session.get_session().create_client(service, config=timeouts)


def secret(name: str) -> dict[str, Any]:
    """Read the JSON secret that an environment variable names; never cached, so that a rotated password is found."""
    return dict(json.loads(client("secretsmanager").get_secret_value(SecretId=setting(name))["SecretString"]))
