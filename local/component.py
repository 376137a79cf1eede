"""What the cloud asks of each of its components."""

from collections.abc import Callable
from typing import Protocol

from local.supervisord_conf import Program

LOOPBACK = "127.0.0.1"

Narrate = Callable[[str], object]
"""Is told, in a few words, what is being waited for."""


class CloudError(Exception):
    """The laptop's cloud cannot do what was asked; the message is one line for a person."""


class Component(Protocol):
    """One component of the cloud, in a folder and on a port of its own."""

    @property
    def name(self) -> str:
        """Its name in commands, messages and logs."""

    @property
    def port(self) -> int:
        """Where on loopback it listens."""

    @property
    def start_seconds(self) -> int:
        """How long it may take to answer."""

    def prepare(self, narrate: Narrate) -> None:
        """Make everything ready for a start; quick when it is already."""

    def program(self) -> Program:
        """Return what the supervisor runs."""

    def answer(self) -> None:
        """Return when it does real work for us; raise anything while it does not yet."""

    def settle(self) -> None:
        """Do, once it answers, what it needs before others use it; again and again does no harm."""


def in_one_line(told: object) -> str:
    """Return what a tool told, short enough for an error's one line."""
    return " ".join(str(told).split())[:300]
