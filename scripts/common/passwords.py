"""Passwords from a terminal, standard input or a file: no history and no list of processes shows them."""

import sys
from typing import TextIO

import click

from scripts.common.errors import WrongUseError

MAX_CHARACTERS = 4096  # Cognito takes 256

password_file_option = click.option(
    "--password-file",
    type=click.File(encoding="utf-8"),
    help="Read the password from this file's first line; - is standard input, which on a terminal asks for it.",
)


def read_password(file: TextIO | None = None) -> str:
    """Ask for the password on a terminal, or return the first line of the file or of standard input."""
    source, name = file or sys.stdin, "the file" if file else "standard input"
    if source.isatty():
        return str(click.prompt("Password", hide_input=True, err=True))
    line = source.readline(MAX_CHARACTERS + 1)
    if len(line) > MAX_CHARACTERS:  # or it would be read for ever, as of /dev/zero
        raise WrongUseError(f"the first line of {name} has more than {MAX_CHARACTERS} characters: it is no password")
    if password := line.rstrip("\r\n"):
        return password
    raise WrongUseError(f"no password in {name}")


def check_given(password: str | None) -> None:
    """Raise WrongUseError for a password that is given and empty, as of a variable that is not set."""
    if password is not None and not password:
        raise WrongUseError("the password is empty")
