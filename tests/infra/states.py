"""An interpreter of the Amazon States Language, as far as our state machines use it, with JSONata's own.

Time is a number, so waiting takes none; an execution that lasts longer than its time-out ends as AWS ends it.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jsonata

Resource = Callable[[dict[str, Any]], Any]
EXPRESSION = re.compile(r"\{%(.*)%\}", re.DOTALL)


class TaskError(Exception):
    """A task failed, as a service answers; its name is what Catch and Retry match."""


class TimedOutError(Exception):
    """The execution lasted longer than `TimeoutSeconds`: AWS ends it without running another state."""


@dataclass
class Execution:
    """One execution; `resources` are the tasks' services by ARN."""

    machine: dict[str, Any]
    resources: Mapping[str, Resource]
    seconds: float = 0
    path: list[str] = field(default_factory=list)
    """Names of the states, in the order in which they ran."""
    variables: dict[str, Any] = field(default_factory=dict)
    given: Any = None
    """The execution's input, which the first state gets."""

    def run(self) -> str:
        """Run to the end and return the type of the last state: Succeed, or Fail.

        Raises TaskError where no Catch takes a failure, and TimedOutError.
        """
        return self._run_states(self.machine, self.given)

    def _run_states(self, machine: dict[str, Any], given: Any) -> str:
        name = machine["StartAt"]
        while True:
            self.path.append(name)
            state = machine["States"][name]
            following = self._run_state(state, given)
            if self.seconds > self.machine["TimeoutSeconds"]:
                raise TimedOutError(name)
            if following is None:
                return str(state["Type"])
            name = following

    def _run_state(self, state: dict[str, Any], given: Any) -> str | None:
        match state["Type"]:
            case "Task":
                return self._run_task(state, given)
            case "Choice":
                chosen = (rule["Next"] for rule in state["Choices"] if self._evaluate(rule["Condition"], given) is True)
                return str(next(chosen, state["Default"]))
            case "Wait":
                self.seconds += state["Seconds"]
            case "Map":
                items = self._evaluate(state["Items"], given)
                assert isinstance(items, list), f"AWS refuses to map over {items}"
                for item in items:
                    self._run_states(state["ItemProcessor"], item)
            case "Pass" | "Succeed" | "Fail":
                pass
            case other:
                raise AssertionError(f"a state of type {other} is not interpreted")
        self._assign(state, given, None)
        following: str | None = state.get("Next")
        return following

    def _run_task(self, state: dict[str, Any], given: Any) -> str | None:
        attempts = 1 + sum(rule["MaxAttempts"] for rule in state.get("Retry", []))
        for attempt in range(attempts):
            try:
                result = self.resources[state["Resource"]](self._evaluate(state["Arguments"], given))
            except TaskError:
                if attempt + 1 < attempts:
                    [rule] = state["Retry"]
                    self.seconds += rule["IntervalSeconds"] * rule["BackoffRate"] ** attempt
                elif "Catch" in state:
                    return str(state["Catch"][0]["Next"])
                else:
                    raise
            else:
                self._assign(state, given, result)
                following: str | None = state.get("Next")
                return following
        raise AssertionError("the loop returns or raises")

    def _assign(self, state: dict[str, Any], given: Any, result: Any) -> None:
        assigned = {name: self._evaluate(value, given, result) for name, value in state.get("Assign", {}).items()}
        self.variables |= assigned  # all at once: none sees another's new value

    def _evaluate(self, value: Any, given: Any, result: Any = None) -> Any:
        match value:
            case dict():
                return {name: self._evaluate(one, given, result) for name, one in value.items()}
            case list():
                return [self._evaluate(one, given, result) for one in value]
            case str() if found := EXPRESSION.fullmatch(value):
                expression = jsonata.Jsonata(found[1])
                for name, known in self.variables.items():
                    expression.assign(name, known)
                expression.assign("states", {"input": given, "result": result})
                return expression.evaluate(None)
        return value
