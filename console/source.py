"""Where the pages get everything from: the environment's target, as the commands have it."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final, TypeVar

import boto3
import click
from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError

from scripts.common.errors import WrongUseError
from scripts.common.failures import EXPECTED, describe
from scripts.common.target import LONG_CALLS, Settings, Target
from scripts.common.users import find_user
from stacks.config.environment import Environment

OPERATION_SECONDS: Final = 25  # for one answer of the operations function
_ONE_CALL: Final = {**LONG_CALLS, "read_timeout": OPERATION_SECONDS}
Result = TypeVar("Result")


class UnavailableError(Exception):
    """Something could not be read or done now; the message says why and what helps."""

    def __init__(self, message: str, detail: str = "") -> None:
        """Take the message, and maybe what only a developer needs."""
        super().__init__(message)
        self.detail = detail


@dataclass(frozen=True)
class SharedTarget(Target):
    """A target whose clients are made once, for all threads, and whose operations end within `OPERATION_SECONDS`."""

    _clients: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False, compare=False)

    def client(self, service: str, settings: Settings | None = None) -> Any:
        """Return the one client of this service."""
        with self._lock:
            if service not in self._clients:
                chosen = _ONE_CALL if service == "lambda" else settings
                self._clients[service] = super().client(service, *([chosen] if chosen else []))
            return self._clients[service]


class Source:
    """Reads and changes one environment.

    After a failure everything is looked up again: it may have been deployed anew, or the person has signed in again.
    """

    def __init__(
        self,
        environment: Environment,
        find: Callable[[], Target],
        *,
        allow_changes: bool,
        discard_folder: Path,
    ) -> None:
        """Take the function that finds the environment's target: called when first needed, and after a failure."""
        self._find_target = find
        self.discard_folder = discard_folder
        self.environment = environment
        self.may_change = allow_changes or not self.environment.protected
        self._lock = threading.Lock()
        self._target: SharedTarget | None = None

    @property
    def name(self) -> str:
        """The environment's name."""
        return self.environment.name

    def ask(self, work: Callable[[Target], Result]) -> Result:
        """Return what the work gives; raises UnavailableError if that fails for any reason but a bug of ours."""
        try:
            return work(self._find())
        except (*EXPECTED, click.ClickException) as error:
            with self._lock:
                self._target = None
            raise _explain(error) from error

    def operate(self, operation: str, **arguments: Any) -> Any:
        """Return the result of an operation of the function; raises UnavailableError."""
        return self.ask(lambda target: target.operate(operation, **arguments))

    def change(self, work: Callable[[Target], Result]) -> Result:
        """Do what changes something; raises WrongUseError where the console may only read."""
        if not self.may_change:
            raise WrongUseError(f"{self.name} is protected: start the console with --allow-changes")
        return self.ask(work)

    def _find(self) -> SharedTarget:
        with self._lock:
            if self._target is None:
                boto3.DEFAULT_SESSION = None  # its credentials may be those that have expired
                found = self._find_target()
                self._target = SharedTarget(**{one.name: getattr(found, one.name) for one in fields(Target)})
            return self._target


def find_user_id(source: Source, user: str) -> str:
    """Return the id of the user with this e-mail address; an id, or nothing, is returned as it is."""
    return source.ask(lambda target: find_user(target, user).user_id) if "@" in user else user


def _explain(error: Exception) -> UnavailableError:
    if isinstance(error, click.ClickException):
        return UnavailableError(error.format_message())
    told = describe(error)[1]
    if isinstance(error, ReadTimeoutError | ConnectTimeoutError):
        return UnavailableError("the service took too long to answer", detail=told)
    return UnavailableError(told)
