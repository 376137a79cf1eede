"""Files that commands write: whether they can be is told first."""

import os
from pathlib import Path

from scripts.common.target import WrongUseError


def check_output(path: Path) -> None:
    """Raise WrongUseError when a file could not be written there: better before anything is asked or removed."""
    try:
        writable = os.access(path, os.W_OK) and not path.is_dir() if path.exists() else _takes_files(path.parent)
    except OSError as error:  # a name that is too long
        raise WrongUseError(f"{path}: {error.strerror}") from None
    if not writable:
        raise WrongUseError(f"{path} cannot be written: name a file in a folder that exists and takes it")


def check_new_output(path: Path) -> None:
    """Raise WrongUseError when a new file could not be made there, or is no new one."""
    check_output(path)
    if path.exists():
        raise WrongUseError(f"{path} exists: choose another name")


def _takes_files(folder: Path) -> bool:
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)
