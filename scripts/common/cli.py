"""What all commands share: the option -e, times as arguments, and one line for each error."""

import re
import traceback
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import click
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    EndpointConnectionError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)

from chalicelib.interaction import EARLIEST
from scripts.common.errors import FAILED, WRONG_USE
from scripts.common.loopback import is_loopback, parse_host
from stacks.config.environments import ENVIRONMENTS

# Raised before AWS is called: this machine has no credentials, or they have expired.
NO_CREDENTIALS = (
    CredentialRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)
STALE_CREDENTIALS = {"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException"}
UNITS = {"m": "minutes", "h": "hours", "d": "days"}


class _Command(click.Command):
    def make_context(self, *arguments: Any, **settings: Any) -> click.Context:
        try:
            return super().make_context(*arguments, **settings)
        except click.UsageError as error:
            error.ctx = None  # with it, click prints three lines about usage before the message
            raise


command = partial(click.command, cls=_Command)
environment_option = click.option(
    "-e", "--environment", required=True, help=f"Which deployment: {', '.join(ENVIRONMENTS)}."
)


class Time(click.ParamType[datetime]):
    """A time between 2000 and tomorrow: how long ago, or ISO 8601; without an offset it is UTC."""

    name = "when"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Return an aware datetime."""
        try:
            if ago := re.fullmatch(r"(\d{1,6})([mhd])", value):
                time = datetime.now(UTC) - timedelta(**{UNITS[ago[2]]: int(ago[1])})
            else:
                time = datetime.fromisoformat(value)
        except (ValueError, OverflowError):  # not a time, or before the year 1
            self.fail("give 90m, 12h, 3d, or a time such as 2026-05-01T12:00", param, ctx)
        time = time if time.tzinfo else time.replace(tzinfo=UTC)
        if not EARLIEST <= time <= datetime.now(UTC) + timedelta(days=1):
            self.fail(f"{value} is not between the year 2000 and tomorrow", param, ctx)
        return time


def run(command: click.Command) -> None:
    """Run a command: exit 2 for wrong use and missing credentials; 3 with the reason, in one line, when it fails.

    Click ends silently, with exit 1, when nobody reads the output any more. A bug of ours prints its traceback.
    """
    try:
        command()
    except (ClientError, BotoCoreError, OSError, ValueError) as error:
        signed_out = isinstance(error, NO_CREDENTIALS) or _code(error) in STALE_CREDENTIALS
        click.echo(f"Error: {_one_line(error)}{_hint(error, signed_out=signed_out)}", err=True)
        raise SystemExit(WRONG_USE if signed_out or _is_invalid_endpoint(error) else FAILED) from None
    except Exception:  # noqa: BLE001  Python's own exit code 1 means: a graph differs, or a password is wrong
        traceback.print_exc()
        raise SystemExit(FAILED) from None


def _hint(error: Exception, *, signed_out: bool) -> str:
    if signed_out:
        return ": sign in to the environment's account (`aws sso login`, AWS_PROFILE, …)"
    host = parse_host(error.kwargs["endpoint_url"]) if isinstance(error, EndpointConnectionError) else ""
    if host and is_loopback(host):
        return ": is the laptop's cloud down? `make up` starts it"
    return ""


def _one_line(error: Exception) -> str:
    """Return the error's message in one line, or its class's name if it has no message."""
    return " ".join(str(error).split()) or type(error).__name__


def _is_invalid_endpoint(error: Exception) -> bool:
    """Tell whether botocore was given an invalid endpoint, perhaps by a profile; it has no class for that."""
    return isinstance(error, ValueError) and str(error).startswith("Invalid endpoint")


def _code(error: Exception) -> str | None:
    return error.response["Error"]["Code"] if isinstance(error, ClientError) else None
