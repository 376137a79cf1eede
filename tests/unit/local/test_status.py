"""`make status`: what runs, as an answer and not as a failure of make."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import local.__main__
from local.environment import ROOT
from local.ports import COMPONENTS

MAKE = shutil.which("make") or "make"
TOLD = "what it told"


def make_status(folder: Path) -> subprocess.CompletedProcess[str]:
    shutil.copy(ROOT / "Makefile", folder)
    # As from a shell: the `make` that runs these tests tells its children how it was started.
    outside = {name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MAKELEVEL", "MFLAGS"}}
    return subprocess.run(
        [MAKE, f"PYTHON={sys.executable}", "status"],
        cwd=folder,
        env=outside,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("told", "ended", "error"), [(0, 0, ""), (3, 0, ""), (1, 2, "Error 1")], ids=["runs", "stopped", "fault"]
)
def test_make_fails_only_if_the_state_is_not_known(tmp_path: Path, told: int, ended: int, error: str) -> None:
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\ncase "$*" in *"local status") echo "{TOLD}"; exit {told};; esac\n')
    python.chmod(0o755)
    (tmp_path / ".venv" / "installed").touch()
    result = make_status(tmp_path)
    assert (result.returncode, result.stdout.splitlines()[0]) == (ended, TOLD)
    assert error in result.stderr
    assert bool(result.stderr) == bool(error)


def test_without_an_installation_it_says_what_to_do(tmp_path: Path) -> None:
    result = make_status(tmp_path)
    assert (result.returncode, result.stdout, result.stderr) == (0, "nothing is installed: make up\n", "")


def test_a_stopped_cloud_is_exit_3_of_the_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(local.__main__, "FOLDER", tmp_path)
    monkeypatch.setattr(sys, "argv", ["local", "status"])
    with pytest.raises(SystemExit) as end:
        local.__main__.main()
    assert end.value.code == 3
    [*states, what_to_do] = capsys.readouterr().out.splitlines()
    assert [state.split() for state in states] == [[name, "STOPPED"] for name in COMPONENTS]
    assert what_to_do == "`make up` starts what does not run"
