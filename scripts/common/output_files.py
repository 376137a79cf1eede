"""Files that commands write: checked before any work is done, complete under their name, or not there at all."""

import errno
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TextIO

from scripts.common.errors import WrongUseError

PRIVATE, SHARED = 0o600, 0o666  # modes; the umask applies


def check_output(path: Path) -> None:
    """Raise WrongUseError if a file cannot be written there or replaced."""
    try:
        with suppress(FileNotFoundError, NotADirectoryError):
            path.lstat()  # raises for a name that is too long, which the questions below do not from Python 3.14 on
        replaceable = (path.is_file() and os.access(path, os.W_OK)) or not os.path.lexists(path)
        writable = replaceable and _takes_files(path.parent)
    except OSError as error:
        raise WrongUseError(f"{path}: {error.strerror}") from None
    if not writable:
        raise WrongUseError(f"{path} cannot be written: name a file in an existing, writable folder")


def check_new_output(path: Path) -> None:
    """Raise WrongUseError if something exists there already or a file cannot be written there."""
    if os.path.lexists(path):
        raise WrongUseError(f"{path} exists: choose another name")
    check_output(path)


def write_new_file(path: Path) -> AbstractContextManager[TextIO]:
    """Write a file that only its owner may read; raises FileExistsError if there is one at the end."""
    return _write(path, mode=PRIVATE, publish=_name_new)


def replace_file(path: Path, *, mode: int = SHARED) -> AbstractContextManager[TextIO]:
    """Write a file over one that may exist; a link is replaced, and what it points to stays as it is."""
    return _write(path, mode=mode, publish=os.replace)


@contextmanager
def make_file(path: Path) -> Iterator[Path]:
    """Yield a name for a library that writes; then the file has its own name.

    The name is in a folder of its own beside it, which only its owner may enter: libraries write with the usual mode,
    and other files too. Only its owner may read the file. One that exists is replaced. If the block raises, nothing is
    left.
    """
    with TemporaryDirectory(prefix=".", suffix=".part", dir=path.parent) as folder:
        temporary = Path(folder, path.name)
        yield temporary
        temporary.chmod(PRIVATE)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_folder(path.parent)


@contextmanager
def temporary_beside(path: Path, *, mode: int = PRIVATE) -> Iterator[Path]:
    """Yield the name of an empty file beside it, by default only its owner's; it is removed at the end."""
    temporary = path.with_name(f".{secrets.token_hex(4)}.part")
    try:
        os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode))
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def _write(path: Path, *, mode: int, publish: Callable[[Path, Path], None]) -> Iterator[TextIO]:
    """Write under a temporary name beside it; give it its own name once the disk has it."""
    with temporary_beside(path, mode=mode) as temporary:
        with temporary.open("w", encoding="utf-8") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        publish(temporary, path)
        sync_folder(path.parent)


def _name_new(temporary: Path, path: Path) -> None:
    if os.path.lexists(path):  # it was not there when the command began
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
    temporary.rename(path)


def sync_folder(path: Path) -> None:
    """Return once the disk has the names of the files in this folder."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _takes_files(folder: Path) -> bool:
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)
