"""What all commands share: the option -e, times as arguments, and one line for each error."""

import re
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import click

from scripts.common.console import printable
from scripts.common.errors import WrongUseError
from scripts.common.exit_codes import FAILED
from stacks.config.environments import ENVIRONMENTS

UNITS = {"m": "minutes", "h": "hours", "d": "days"}


class _Command(click.Command):
    def make_context(self, *arguments: Any, **settings: Any) -> click.Context:
        try:
            return super().make_context(*arguments, **settings)
        except click.UsageError as error:
            error.ctx = None  # with it, click prints three lines about usage before the message
            takes_secret = any(parameter.name == "password" for parameter in self.params)
            if takes_secret and not isinstance(error, click.MissingParameter):
                raise WrongUseError(
                    "wrong arguments; they are not shown, since one may be a password: see --help, --password-file"
                ) from None
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
        from chalicelib.interaction import EARLIEST

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


def run(command: click.Command, arguments: Sequence[str]) -> int:
    """Run a command and return its exit code. Each failure is one line; only a bug of ours prints its traceback."""
    try:
        with command.make_context(command.name, list(arguments)) as context:
            command.invoke(context)
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.ClickException as error:
        return _fail(error.format_message(), error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        return _fail("interrupted", FAILED)
    except BrokenPipeError:
        pass  # nobody reads the output any more
    except Exception as error:  # noqa: BLE001  Python's own exit code 1 means: a graph differs, or a password is wrong
        return _report(error)
    else:
        return 0
    return FAILED


def _report(error: Exception) -> int:
    from scripts.common.failures import EXPECTED, describe

    if not isinstance(error, EXPECTED):
        traceback.print_exception(error)
        return FAILED
    status, message = describe(error)
    return _fail(message, status)


def _fail(message: str, status: int) -> int:
    """Print the message as one line; names of files and answers of servers in it must not control the terminal."""
    click.echo(f"Error: {printable(' '.join(message.split()))}", err=True)
    return status
