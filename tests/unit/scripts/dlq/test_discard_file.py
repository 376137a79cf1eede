"""The file of discarded messages: written as a new one, and read back."""

import subprocess
import sys
from pathlib import Path

import pytest

from local.environment import ROOT
from scripts.common.errors import OperationError, WrongUseError
from scripts.dlq.discard_file import DiscardFile, check_file, read_file
from scripts.dlq.message import GAVE_UP, DlqMessage
from tests.unit.scripts.dlq.test_message import invalid, message


def test_a_binary_attribute_survives_the_file(tmp_path: Path) -> None:
    binary = {"trace": {"DataType": "Binary", "BinaryValue": b"\xff\x00"}}
    received = {"MessageId": "m", "Body": "b", "Attributes": {"SentTimestamp": "0"}, "MessageAttributes": binary}
    DiscardFile(tmp_path / "file").append([DlqMessage.from_sqs(received)])
    [found] = read_file(tmp_path / "file")
    assert found.message_attributes == binary


def test_a_file_returns_what_was_appended(tmp_path: Path) -> None:
    messages = [message("\n\r\u2028{"), invalid(kind="ü😀"), message("", GAVE_UP)]
    file = DiscardFile(tmp_path / "file")
    file.append(messages[:2])
    file.append(messages[2:])
    assert list(read_file(tmp_path / "file")) == messages
    assert (tmp_path / "file").stat().st_mode & 0o077 == 0


def test_a_last_line_needs_no_newline(tmp_path: Path) -> None:
    path = tmp_path / "file"
    DiscardFile(path).append([message("one"), message("two")])
    path.write_bytes(path.read_bytes().rstrip())
    assert (check_file(path), [found.body for found in read_file(path)]) == ((2, None), ["one", "two"])


def test_an_incomplete_last_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "file"
    DiscardFile(path).append([message("one"), message("two")])
    path.write_bytes(path.read_bytes()[:-9])
    assert (check_file(path), [found.body for found in read_file(path)]) == ((1, 2), ["one"])


def test_another_file_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "file"
    DiscardFile(path).append([message()])
    path.write_text(path.read_text() + "{}\n")
    with pytest.raises(WrongUseError, match="line 2: not a message"):
        check_file(path)


def test_a_binary_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"\xff\xfe\n")
    with pytest.raises(WrongUseError, match="not a file that --discard wrote"):
        check_file(tmp_path / "file")


APPEND = """
import sys
from pathlib import Path
from scripts.dlq.discard_file import DiscardFile
from tests.unit.scripts.dlq.test_message import message
file = DiscardFile(Path(sys.argv[1]))
for number in map(int, sys.argv[2:]):
    try:
        file.append([message("x" * 100)] * number)
    except OSError as error:
        print(error.strerror)
"""


@pytest.mark.parametrize(
    ("appended", "kept"),
    [((1, 500), 1), ((1, 500, 1), 2), ((500,), None)],
    ids=["the second time", "and then again with room", "the first time"],
)
def test_a_full_disk_leaves_what_was_there_before(appended: tuple[int, ...], kept: int | None, tmp_path: Path) -> None:
    path = tmp_path / "file"
    limited = ["sh", "-c", 'ulimit -f 20; exec "$0" "$@"', sys.executable, "-c", APPEND, str(path)]
    told = subprocess.run(
        [*limited, *map(str, appended)], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert told.stdout == "File too large\n"
    assert (check_file(path) if path.exists() else None) == ((kept, None) if kept else None)


@pytest.mark.parametrize("exists", [True, False])
def test_a_link_that_appeared_is_not_followed(tmp_path: Path, *, exists: bool) -> None:
    target, path = tmp_path / "target", tmp_path / "file"
    if exists:
        target.write_text("mine")
    path.symlink_to(target)
    with pytest.raises(FileExistsError):
        DiscardFile(path).append([message()])
    assert (target.exists(), target.exists() and target.read_text()) == (exists, exists and "mine")


def test_a_file_that_took_its_place_is_not_written(tmp_path: Path) -> None:
    path, other = tmp_path / "file", tmp_path / "other"
    file = DiscardFile(path)
    file.append([message()])
    other.write_text("mine")
    path.unlink()
    path.hardlink_to(other)
    with pytest.raises(OperationError, match="was replaced"):
        file.append([message()])
    path.unlink()
    path.symlink_to(other)
    with pytest.raises(OSError, match="symbolic links"):
        file.append([message()])
    path.unlink()
    with pytest.raises(FileNotFoundError):
        file.append([message()])
    assert other.read_text() == "mine"


@pytest.mark.parametrize("sent_at", ["2026-05-01T12:00:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_time_that_no_message_has_is_refused(tmp_path: Path, sent_at: str) -> None:
    path = tmp_path / "file"
    line = message().model_dump_json()
    path.write_text(line.replace("2026-05-01T12:00:00Z", sent_at) + "\n")
    assert sent_at in path.read_text()
    with pytest.raises(WrongUseError, match="line 1: not a message"):
        check_file(path)
