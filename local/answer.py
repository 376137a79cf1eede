"""Waits until a component answers, and believes only the component's own process.

While that does not listen, another user of the machine can listen at its port: who must get no password.
"""

from tenacity import RetryError, Retrying, retry_if_exception, stop_after_delay, wait_fixed

from local.component import CloudError, Component, in_one_line
from local.ports import listens
from local.supervisor import RUNNING, Supervisor

_UNREADY = retry_if_exception(lambda e: isinstance(e, Exception) and not isinstance(e, CloudError))


def await_answer(component: Component, supervisor: Supervisor) -> None:
    """Return when its own process answers. Raises CloudError when that ends, or does not answer in time."""
    seconds, log = component.start_seconds, _log(component, supervisor)
    try:
        for attempt in Retrying(stop=stop_after_delay(seconds), wait=wait_fixed(0.1), retry=_UNREADY):
            with attempt:
                if (state := supervisor.state(component.name)) not in RUNNING:
                    raise CloudError(f"{component.name}: did not start ({state}); {log}")
                if not listens(supervisor.pid(component.name), component.port):
                    raise ConnectionError("its own process does not listen yet")
                component.answer()
                check_listener(component, supervisor)
    except RetryError as error:
        reason = in_one_line(error.last_attempt.exception())
        raise CloudError(f"{component.name}: no answer after {seconds} s ({reason}); {log}") from error


def check_listener(component: Component, supervisor: Supervisor) -> None:
    """Raise CloudError unless it is the component's own process that listens at its port."""
    if not listens(supervisor.pid(component.name), component.port):
        log = _log(component, supervisor)
        raise CloudError(f"{component.name}: its own process does not listen at port {component.port}; {log}")


def _log(component: Component, supervisor: Supervisor) -> str:
    return f"its log: {supervisor.logs / component.name}.log"
