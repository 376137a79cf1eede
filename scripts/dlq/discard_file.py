"""The file of discarded messages: one line of JSON for each."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import ValidationError

from scripts.common.errors import OperationError, WrongUseError
from scripts.common.output_files import PRIVATE, sync_folder
from scripts.dlq.message import DlqMessage


class DiscardFile:
    """A new file that only its owner may read. It is made by the first `append`, and no link is followed."""

    def __init__(self, path: Path) -> None:
        """Take the file's name; nothing is written yet."""
        self.path = path
        self._identity: tuple[int, ...] | None = None
        self._size_bytes = 0

    def append(self, messages: Iterable[DlqMessage]) -> None:
        """Append one line for each message, and return when they are on the disk.

        If that fails, as on a full disk, the file has what it had before: none of these lines, and not half of one.
        Raises FileExistsError if something else has the name already, and OperationError if another file has it later.
        """
        creates = os.O_CREAT | os.O_EXCL if self._identity is None else 0
        opened = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | creates, PRIVATE)
        try:
            self._check_identity(opened)
            self._write(opened, messages)
        finally:
            os.close(opened)
        sync_folder(self.path.parent)

    def _write(self, opened: int, messages: Iterable[DlqMessage]) -> None:
        try:
            with os.fdopen(os.dup(opened), "w", encoding="utf-8") as file:
                file.writelines(f"{message.model_dump_json()}\n" for message in messages)
            os.fsync(opened)
        except OSError:
            os.ftruncate(opened, self._size_bytes)
            if not self._size_bytes:
                self.path.unlink()
            raise
        self._size_bytes = os.fstat(opened).st_size

    def _check_identity(self, opened: int) -> None:
        found = os.fstat(opened)
        identity = (found.st_dev, found.st_ino, found.st_uid)
        if self._identity not in (None, identity):
            raise OperationError(f"{self.path} was replaced by another file: these messages stay in the queue")
        self._identity = identity


def check_file(path: Path) -> tuple[int, int | None]:
    """Return the number of messages in a file that `DiscardFile` wrote, and the number of an incomplete last line.

    Raises WrongUseError, with the line's number, for any other file. A last line without its newline may be complete.
    """
    messages, incomplete_line = 0, None
    for number, message in _lines(path):
        if message:
            messages += 1
        else:
            incomplete_line = number
    return messages, incomplete_line


def read_file(path: Path) -> Iterator[DlqMessage]:
    """Yield the messages of a file that `check_file` took."""
    return (message for _, message in _lines(path) if message)


def _lines(path: Path) -> Iterator[tuple[int, DlqMessage | None]]:
    """Yield each line's number and message, None if the last line is incomplete."""
    try:
        with path.open(encoding="utf-8", newline="\n") as file:
            for number, line in enumerate(file, start=1):
                try:
                    yield number, DlqMessage.model_validate_json(line)
                except ValidationError:
                    if line.endswith("\n"):
                        raise WrongUseError(f"{path}, line {number}: not a message that --discard wrote") from None
                    yield number, None
    except UnicodeDecodeError:
        raise WrongUseError(f"{path}: not text, so not a file that --discard wrote") from None
