"""A deploy of dev whose clients call nobody."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from scripts.preconditions.condition import Condition, Deploy, Result
from stacks.config.environment import Environment
from stacks.config.environments import DEV
from tests.stubbed import Stubbed

Ask = Callable[..., Result]


@dataclass(frozen=True)
class Account(Stubbed):
    """An account as AWS describes it; each call must be expected, and may be made only with a condition's rights."""

    def expect_stacks(self, data: str | None, service: str | None) -> None:
        """Expect to be asked for both stacks; None: it does not exist."""
        for name, state in (("dev-data", data), ("dev-service", service)):
            if state:
                stack = {"StackName": name, "StackStatus": state, "CreationTime": 0}
                self.expect("cloudformation", "describe_stacks", {"Stacks": [stack]}, {"StackName": name})
            else:
                self.refuse("cloudformation", "describe_stacks", "ValidationError")

    def check(self, condition: Condition, environment: Environment = DEV, **fields: Any) -> Result:
        """Ask about the condition for dev with other values of these fields."""
        result = condition.check(Deploy(self, replace(environment, **fields)))
        assert self.rights <= set(condition.rights)
        return result


@pytest.fixture
def account() -> Iterator[Account]:
    account = Account("dev", "us-east-1", endpoint=None)
    yield account
    account.assert_asked()
