"""A clone of this repository in a folder and on ports of its own, to run `make` in: also at an older commit."""

import os
import shlex
import shutil
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt

from local.environment import ROOT
from local.ports import COMPONENTS, Ports, variable

MAKE_SECONDS = 1500
GIT = shutil.which("git") or "git"
MAKE = shutil.which("make") or "make"


@dataclass(frozen=True)
class Clone:
    """A clone, with a cloud on ports of its own."""

    folder: Path
    ports: Ports = field(default_factory=Ports.free)

    @classmethod
    def of_this_commit(cls, folder: Path) -> Self:
        """Clone what is committed here, with the jars that are here: they are checked like those that are fetched."""
        subprocess.run([GIT, "clone", "--quiet", "--shared", ROOT, folder], check=True, timeout=60)
        jars = ROOT / ".local" / "cache" / "jars"
        if jars.exists():
            shutil.copytree(jars, folder / ".local" / "cache" / "jars")
        return cls(folder)

    def checkout(self, commit: str) -> None:
        """Move the files to a commit."""
        self._run(GIT, "checkout", "--quiet", "--force", commit)

    def make(self, target: str) -> str:
        """Run `make` to its end and return its output; raises AssertionError, with all of it, if it fails."""
        return self._run(MAKE, target)

    def start_make(self, target: str, output: Path) -> subprocess.Popen[str]:
        """Start `make` as in a terminal of its own, where Ctrl-C reaches all of it."""
        # A process that inherits an ignored SIGINT, as from `nohup make test-long &`, rightly goes on ignoring it.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        with output.open("w") as file:
            return subprocess.Popen(
                [MAKE, target],
                cwd=self.folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                text=True,
            )

    def up_as_it_was(self) -> None:
        """Run an older commit's `make up`, again if need be: it gives up sooner on a slow machine than this one's."""
        failed = retry_if_exception_type(AssertionError)
        for attempt in Retrying(retry=failed, stop=stop_after_attempt(3), reraise=True):
            with attempt:
                self.make("up")

    def run(self, *words: str) -> str:
        """Run one of the clone's commands in its environment, and return its output."""
        line = f". .local/env; {shlex.join(words)}"
        return self._run("sh", "-ec", line)

    @property
    def environment(self) -> dict[str, str]:
        """The variables that `make up` wrote."""
        words = shlex.split((self.folder / ".local" / "env").read_text(), comments=True)
        return dict(word.split("=", 1) for word in words if "=" in word)

    @property
    def _environment(self) -> dict[str, str]:
        """Not of the `make` that runs the test: its Python and its packages."""
        variables = {variable(name): str(getattr(self.ports, name)) for name in COMPONENTS}
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "PYTHON"))}
        path = os.pathsep.join(one for one in kept["PATH"].split(os.pathsep) if not one.startswith(str(ROOT)))
        return kept | variables | {"PATH": path}

    def _run(self, *command: str) -> str:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=MAKE_SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout
