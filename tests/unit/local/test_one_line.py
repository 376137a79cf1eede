"""What goes wrong in `make up` is one line with the log's place; no traceback is shown."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import local.__main__
from local.environment import ROOT
from local.lock import alone


def test_a_fault_of_ours_is_one_line_and_its_traceback_is_in_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ports.json").mkdir()
    monkeypatch.setattr(local.__main__, "FOLDER", tmp_path)
    monkeypatch.setattr(sys, "argv", ["local", "status"])
    with pytest.raises(SystemExit) as end:
        local.__main__.main()
    [line] = str(end.value.code).splitlines()
    assert line.startswith("Error: IsADirectoryError: ")
    assert f"its log: {tmp_path}/logs/make.log. `make down` and `make up` start afresh" in line
    assert "Traceback" in (tmp_path / "logs" / "make.log").read_text()


def test_who_waited_for_make_clean_says_that_nothing_is_installed_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local.__main__, "ROOT", tmp_path)
    monkeypatch.setattr(local.__main__, "alone", lambda narrate: alone(narrate, tmp_path))
    monkeypatch.setattr(sys, "argv", ["local", "up"])
    with pytest.raises(SystemExit, match=r"has removed the installation meanwhile: run `make up` again$"):
        local.__main__.main()


def test_an_installation_that_fails_says_why_in_one_line_and_where_the_log_is(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "local", tmp_path / "local", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    command = [sys.executable, "-E", "-s", "-m", "local.install"]
    variables = os.environ | {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path)}
    result = subprocess.run(
        command, cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=200, check=False
    )
    assert result.returncode == 1
    [line] = result.stderr.splitlines()
    assert line.startswith("Error: cannot install: python: ERROR: ")
    assert line.endswith(f"its log: {tmp_path}/.local/logs/install.log")
