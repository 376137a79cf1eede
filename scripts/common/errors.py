"""The errors and exit codes of all commands."""

import click

REFUSED, WRONG_USE, FAILED = 1, 2, 3  # exit codes; 0 is success


class WrongUseError(click.ClickException):
    """The person has to change something; the message says what, in one line."""

    exit_code = WRONG_USE


class OperationError(click.ClickException):
    """An operation failed or is incomplete; the message says why, in one line."""

    exit_code = FAILED
