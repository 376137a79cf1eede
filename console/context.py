"""What every page works with."""

from typing import NamedTuple

from console.dead_letters import DeadLetters
from console.source import Source
from console.view import View


class Context(NamedTuple):
    """The environment, what renders its pages, and the dead-letter queue as it was read last."""

    source: Source
    view: View
    letters: DeadLetters
