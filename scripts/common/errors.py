"""Errors whose message is for the person who runs the command."""

import click

from scripts.common.exit_codes import FAILED, WRONG_USE


class WrongUseError(click.ClickException):
    """The person has to change something; the message says what, in one line."""

    exit_code = WRONG_USE


class OperationError(click.ClickException):
    """An operation failed or is incomplete; the message says why, in one line."""

    exit_code = FAILED
