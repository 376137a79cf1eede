"""`preflight` against the local endpoint: what that can answer is green."""

import re
from dataclasses import replace

from scripts.preconditions.checks import check_all
from scripts.preconditions.condition import Deploy
from stacks.config.environments import DEV, LOCAL
from tests.e2e.conftest import System
from tests.e2e.test_commands import run


def test_a_deployed_local_environment_is_ready(system: System) -> None:
    done = run(system, "preflight", "-e", "local")
    assert done.returncode == 0, done.stdout + done.stderr
    # Another test makes a deploy fail: then the stack was rolled back, and the next deploy can start from that.
    assert re.search("local-service is (CREATE|UPDATE|UPDATE_ROLLBACK)_COMPLETE", done.stdout)
    assert {result.state for _, result in check_all(Deploy(system.target, LOCAL))} == {"green"}


def test_the_local_endpoint_is_another_account_than_devs(system: System) -> None:
    [(condition, result)] = check_all(Deploy(replace(system.target, name="dev", region=DEV.region), DEV))
    assert (condition.name, result.state) == ("account", "red")
