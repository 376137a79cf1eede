"""Output files are checked before any work is done."""

from pathlib import Path

import pytest

from scripts.common.errors import WrongUseError
from scripts.common.output_files import check_new_output, check_output


def test_an_impossible_output_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "nope" / "x", tmp_path / "file" / "x", tmp_path, tmp_path / ("x" * 999)):
        with pytest.raises(WrongUseError):
            check_output(path)
    check_output(tmp_path / "file")


def test_a_new_output_file_must_not_exist(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    check_new_output(tmp_path / "new")
    with pytest.raises(WrongUseError, match="exists"):
        check_new_output(tmp_path / "file")
