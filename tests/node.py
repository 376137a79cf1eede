"""Runs the project's npm tools and programs for Node."""

import os
import shutil
import subprocess
from pathlib import Path

from local.environment import COMMANDS

RUN_SECONDS = 280  # less than a test has
CLIENT = Path(__file__).parents[1] / "clients" / "typescript"


def started(*command: str, cwd: Path = CLIENT, **variables: str) -> "subprocess.Popen[str]":
    """Start a tool by its name; its output is to be read."""
    path = os.pathsep.join([*map(str, COMMANDS), os.environ["PATH"]])
    program = shutil.which(command[0], path=path)
    assert program
    environment = os.environ | {"PATH": path} | variables
    pipe = subprocess.PIPE
    return subprocess.Popen([program, *command[1:]], cwd=cwd, env=environment, stdout=pipe, stderr=pipe, text=True)


def run(*command: str, cwd: Path = CLIENT, **variables: str) -> str:
    """Run a tool to its end and return its output, which a failure shows."""
    with started(*command, cwd=cwd, **variables) as process:
        try:
            output, error = process.communicate(timeout=RUN_SECONDS)
        except BaseException:
            process.kill()
            raise
    assert process.returncode == 0, output + error
    return output
