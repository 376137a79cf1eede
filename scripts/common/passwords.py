"""Passwords from a terminal, standard input or a file: no history and no list of processes shows them."""

import sys
from typing import TextIO

import click

from scripts.common.errors import WrongUseError

password_file_option = click.option(
    "--password-file",
    type=click.File(encoding="utf-8"),
    help="Read the password from this file's first line; - is standard input, which on a terminal asks for it.",
)


def read_password(file: TextIO | None = None) -> str:
    """Ask for the password on a terminal, or return the first line of the file or of standard input."""
    source = file or sys.stdin
    if source.isatty():
        return str(click.prompt("Password", hide_input=True, err=True))
    if password := source.readline().rstrip("\r\n"):
        return password
    raise WrongUseError(f"no password in {'the file' if file else 'standard input'}")
