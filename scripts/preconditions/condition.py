"""A condition of a deploy, and the result of checking it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal

from botocore.exceptions import BotoCoreError, ClientError
from dns.exception import DNSException
from requests import RequestException

from scripts.common.failures import NO_CREDENTIALS, STALE_CREDENTIALS
from scripts.common.target import Target
from stacks.config.environment import Environment
from stacks.config.options import AuroraPostgres, EcsGraph, RdsPostgres

SETTINGS: Final = "stacks/config/environments.py"
_DENIED: Final = {"AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation"}
_DEPLOYED: Final = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE")


@dataclass(frozen=True)
class Result:
    """The result of checking one condition."""

    state: Literal["green", "red", "unknown"]
    finding: str
    remedy: str = ""
    """If red or unknown: the command or the page that helps."""


def green(finding: str) -> Result:
    """Return that the condition holds."""
    return Result("green", finding)


def red(finding: str, remedy: str) -> Result:
    """Return that the deploy would fail, and what to do."""
    return Result("red", finding, remedy)


@dataclass(frozen=True)
class Deploy:
    """The deploy that somebody is going to start."""

    target: Target
    environment: Environment

    @cached_property
    def stack_states(self) -> dict[str, str | None]:
        """CloudFormation's status of each of its stacks, None for a stack that does not exist."""
        names = (f"{self.environment.name}-data", f"{self.environment.name}-service")
        return {name: _stack_state(self.target, name) for name in names}

    @property
    def is_first(self) -> bool:
        """Whether one of its stacks is not deployed yet: what it creates then needs room in the account's quotas."""
        return not all(state and state in _DEPLOYED for state in self.stack_states.values())

    @property
    def graph(self) -> EcsGraph | None:
        """The graph that it creates, if any."""
        stores = (self.environment.graph, *self.environment.beside)
        return next((store for store in stores if isinstance(store, EcsGraph)), None)

    @property
    def ledgers(self) -> list[RdsPostgres | AuroraPostgres]:
        """Every Postgres that it creates."""
        stores = (self.environment.postgres, *self.environment.beside)
        return [store for store in stores if isinstance(store, RdsPostgres | AuroraPostgres)]


def _stack_state(target: Target, name: str) -> str | None:
    try:
        [stack] = target.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationError":  # there is no such stack
            return None
        raise
    return str(stack["StackStatus"])


@dataclass(frozen=True)
class Condition:
    """One line of `preflight`."""

    name: str
    rights: tuple[str, ...]
    """The IAM actions that checking needs; all of them only read."""
    ask: Callable[[Deploy], Result]

    def check(self, deploy: Deploy) -> Result:
        """Return the result, unknown with the reason if AWS does not answer; raises only if credentials are invalid."""
        try:
            return self.ask(deploy)
        except NO_CREDENTIALS:
            raise
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in STALE_CREDENTIALS:
                raise
            if code in _DENIED:
                return Result("unknown", "AWS denied the call", f"needs the right to {', '.join(self.rights)}")
            return _unknown(error)
        except (BotoCoreError, RequestException, DNSException) as error:
            return _unknown(error)


def condition(name: str, *rights: str) -> Callable[[Callable[[Deploy], Result]], Condition]:
    """Make a condition of the function that checks it."""
    return lambda ask: Condition(name, rights, ask)


def _unknown(error: Exception) -> Result:
    return Result("unknown", " ".join(str(error).split()), "run preflight again")
