"""A folder in which nothing could live is refused in one line, before anything is started."""

import os
import shutil
from pathlib import Path

import pytest

from local.component import CloudError
from local.folder import SOCKET_FOLDER_BYTES, check, short


@pytest.mark.parametrize("name", ['it\'s "é" here', "a b", "x" * 200, "100 %", "$HOME", "#1 ;2"])
def test_an_odd_path_is_fine(name: str, tmp_path: Path) -> None:
    check(tmp_path / name, free_megabytes=1)


@pytest.mark.parametrize("name", ["a:b", "two\nlines", os.fsdecode(b"latin-\xe9")])
def test_a_path_that_no_search_path_or_file_can_hold_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(CloudError, match=r"^the path .*move the clone$"):
        check(tmp_path / name, free_megabytes=1)


def test_a_folder_that_cannot_be_written_to_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CloudError, match=r"^cannot write to .*file/folder: Not a directory$"):
        check(tmp_path / "file" / "folder", free_megabytes=1)


def test_a_disk_without_room_is_refused_with_what_is_needed_and_what_is_there(tmp_path: Path) -> None:
    with pytest.raises(CloudError, match=r"^needs 1000000000 MB on the disk of .*, where \d+ MB are free$"):
        check(tmp_path, free_megabytes=10**9)


def test_a_folder_too_deep_for_a_socket_has_a_short_name_of_this_user(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 200)
    deep.mkdir()
    link = short(deep)
    try:
        assert link.resolve() == deep
        assert len(os.fsencode(link)) <= SOCKET_FOLDER_BYTES
        link.unlink()
        link.symlink_to(tmp_path)
        with pytest.raises(CloudError, match="is not this user's link"):
            short(deep)
    finally:
        link.unlink()
    shutil.rmtree(deep)
