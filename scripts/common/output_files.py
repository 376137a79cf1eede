"""Checks of the files that commands write, made before any work is done."""

import os
from pathlib import Path

from scripts.common.errors import WrongUseError


def check_output(path: Path) -> None:
    """Raise WrongUseError if a file cannot be written there."""
    try:
        writable = os.access(path, os.W_OK) and not path.is_dir() if path.exists() else _takes_files(path.parent)
    except OSError as error:  # a name that is too long
        raise WrongUseError(f"{path}: {error.strerror}") from None
    if not writable:
        raise WrongUseError(f"{path} cannot be written: name a file in an existing, writable folder")


def check_new_output(path: Path) -> None:
    """Raise WrongUseError if a file exists there already or cannot be written there."""
    check_output(path)
    if path.exists():
        raise WrongUseError(f"{path} exists: choose another name")


def _takes_files(folder: Path) -> bool:
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)
