"""What the commands share: the environment that each asks for, one line for what goes wrong, and the exit codes."""

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

from scripts.common.loopback import host_of, is_here
from stacks.config.environments import ENVIRONMENTS

# AWS was not asked: this machine has nothing to sign in with, or no longer.
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
WRONG_USE, FAILED = 2, 3  # exit codes


class _Command(click.Command):
    def make_context(self, *arguments: Any, **settings: Any) -> click.Context:
        try:
            return super().make_context(*arguments, **settings)
        except click.UsageError as error:
            error.ctx = None  # with it, click would print three lines about usage before the one that helps
            raise


command = partial(click.command, cls=_Command)
environment_option = click.option(
    "-e", "--environment", required=True, help=f"Which deployment: {', '.join(ENVIRONMENTS)}."
)


class Moment(click.ParamType[datetime]):
    """A point in time: how long ago, or ISO 8601, which is UTC unless it says otherwise."""

    name = "when"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Return an aware datetime."""
        try:
            if ago := re.fullmatch(r"(\d{1,6})([mhd])", value):
                return datetime.now(UTC) - timedelta(**{UNITS[ago[2]]: int(ago[1])})
            moment = datetime.fromisoformat(value)
        except (ValueError, OverflowError):  # no time, or one before the year 1
            self.fail("give 90m, 12h, 3d, or a time such as 2026-05-01T12:00", param, ctx)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def run(command: click.Command) -> None:
    """Run a command: exit 2 for wrong use, missing credentials too; 3 with the reason, in a line, when it fails.

    Click itself ends in silence, with exit 1, when nobody reads the output any more. A fault of ours is told at length.
    """
    try:
        command()
    except (ClientError, BotoCoreError, OSError, ValueError) as error:
        unknown = isinstance(error, NO_CREDENTIALS) or _code(error) in STALE_CREDENTIALS
        click.echo(f"Error: {_line(error)}{_hint(error, unknown=unknown)}", err=True)
        raise SystemExit(WRONG_USE if unknown or _is_of_endpoint(error) else FAILED) from None
    except Exception:  # noqa: BLE001  Python's own exit code would say that a graph differs, or a password is wrong
        traceback.print_exc()
        raise SystemExit(FAILED) from None


def _hint(error: Exception, *, unknown: bool) -> str:
    if unknown:
        return ": sign in to the environment's account (`aws sso login`, AWS_PROFILE, …)"
    host = host_of(error.kwargs["endpoint_url"]) if isinstance(error, EndpointConnectionError) else ""
    if host and is_here(host):
        return ": is the laptop's cloud down? `make up` starts it"
    return ""


def _line(error: Exception) -> str:
    """Return what the error says, in one line; one that says nothing has a name."""
    return " ".join(str(error).split()) or type(error).__name__


def _is_of_endpoint(error: Exception) -> bool:
    """Tell whether botocore was given an endpoint that is none, in a profile perhaps; it has no class for that."""
    return isinstance(error, ValueError) and str(error).startswith("Invalid endpoint")


def _code(error: Exception) -> str | None:
    return error.response["Error"]["Code"] if isinstance(error, ClientError) else None
