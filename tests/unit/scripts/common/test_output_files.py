"""Output files are checked first, and complete or absent afterwards."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.common.errors import WrongUseError
from scripts.common.output_files import check_new_output, check_output, make_file, replace_file, write_new_file


def test_an_impossible_output_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "dangling").symlink_to(tmp_path / "nope")
    impossible = [tmp_path / "nope" / "x", tmp_path / "file" / "x", tmp_path, tmp_path / ("x" * 999)]
    for path in (*impossible, tmp_path / "dangling", Path("/dev/null")):
        with pytest.raises(WrongUseError):
            check_output(path)
    check_output(tmp_path / "file")


def test_a_new_output_file_must_not_exist(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "dangling").symlink_to(tmp_path / "nope")
    check_new_output(tmp_path / "new")
    for name in ("file", "dangling"):
        with pytest.raises(WrongUseError, match="exists"):
            check_new_output(tmp_path / name)


def test_a_failure_leaves_the_earlier_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("good")
    with pytest.raises(ValueError, match="surrogates"), replace_file(path) as file:
        file.write("half" * 10_000 + "\ud800")
    assert (path.read_text(), list(tmp_path.iterdir())) == ("good", [path])


def test_a_file_that_appeared_meanwhile_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with pytest.raises(FileExistsError), write_new_file(path):
        path.write_text("theirs")
    assert (path.read_text(), list(tmp_path.iterdir())) == ("theirs", [path])


def test_a_replaced_file_has_the_usual_mode_and_a_link_is_not_followed(tmp_path: Path) -> None:
    """Others may plant a link in a folder such as /tmp."""
    path, link = tmp_path / "file", tmp_path / "link"
    path.write_text("old")
    link.symlink_to(path)
    with replace_file(link) as file:
        file.write("new")
    umask = os.umask(0)
    os.umask(umask)
    assert (path.read_text(), link.read_text(), link.is_symlink()) == ("old", "new", False)
    assert link.stat().st_mode & 0o777 == 0o666 & ~umask


def test_what_a_library_writes_is_closed_to_others_from_the_beginning(tmp_path: Path) -> None:
    """DuckDB writes with the usual mode, and first under another name."""
    path, umask = tmp_path / "file", os.umask(0o022)
    tmp_path.chmod(0o755)
    try:
        with make_file(path) as made:
            made.with_name(f"tmp_{made.name}").write_text("all of a day")
            made.write_text("all of a day")
            assert {one.stat().st_mode & 0o077 for one in tmp_path.iterdir()} == {0}
    finally:
        os.umask(umask)
    assert (path.read_text(), path.stat().st_mode & 0o777, list(tmp_path.iterdir())) == ("all of a day", 0o600, [path])


def test_what_a_library_could_not_write_leaves_the_earlier_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("good")
    with pytest.raises(ValueError, match="surrogates"), make_file(path) as made:
        made.write_text("half\ud800")
    assert (path.read_text(), list(tmp_path.iterdir())) == ("good", [path])


WRITE = """
import sys
from pathlib import Path
from scripts.common.output_files import write_new_file
with write_new_file(Path(sys.argv[1]) / "file") as file:
    file.write("x" * 100_000)
"""


def test_a_disk_without_room_leaves_no_file(tmp_path: Path) -> None:
    limited = ["sh", "-c", 'ulimit -f 1; exec "$0" -c "$1" "$2"', sys.executable, WRITE, str(tmp_path)]
    result = subprocess.run(limited, capture_output=True, text=True, timeout=60, check=False)
    assert result.stderr.endswith("File too large\n")
    assert list(tmp_path.iterdir()) == []
