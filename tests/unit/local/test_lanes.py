"""The order in which `make up` runs every command once."""

import subprocess
import sys

import pytest

from local.up import LANES
from tests.commands import COMMANDS

READS_DLQ = "import sys, importlib; importlib.import_module(sys.argv[1]); print('scripts.dlq.queue' in sys.modules)"


def test_every_command_that_ends_runs_once() -> None:
    assert sorted([*(command for lane in LANES for command in lane), "console"]) == sorted(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_that_read_the_dead_letter_queue_run_one_after_another(command: str) -> None:
    """A message that one of them holds is one that the other has not read, and then it says so and fails."""
    module = f"scripts.{command.replace('-', '_')}"
    code = [sys.executable, "-c", READS_DLQ, module]
    told = subprocess.run(code, capture_output=True, text=True, timeout=60, check=True).stdout
    assert (told.strip() == "True") == (command in LANES[0])
