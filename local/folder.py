"""The folder that everything lies in: whether it can be used, and a short name for it.

Standard library only, because the installation asks before anything is installed.
"""

import hashlib
import os
import shutil
import stat
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from local.component import CloudError

SOCKET_FOLDER_BYTES = 80  # a Unix socket's path ends at about 104 bytes, and supervisord first binds a longer name
MEGABYTE = 1_000_000


def check(folder: Path, *, free_megabytes: int) -> None:
    """Raise CloudError when nothing could live here: the path, the rights, the kind of disk, or no room."""
    _check_path(str(folder))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder) as probe:
            mode = stat.S_IMODE(Path(probe).stat().st_mode)
    except OSError as error:
        raise CloudError(f"cannot write to {folder}: {error.strerror}") from error
    if mode != stat.S_IRWXU:
        raise CloudError(f"{folder} keeps no permissions, as a Windows disk in WSL: clone into your home folder")
    if (free := shutil.disk_usage(folder).free // MEGABYTE) < free_megabytes:
        raise CloudError(f"needs {free_megabytes} MB on the disk of {folder}, where {free} MB are free")


def _check_path(path: str) -> None:
    try:
        path.encode()
    except UnicodeEncodeError:
        raise CloudError(f"the path {path!a} is not UTF-8: move the clone") from None
    if bad := [character for character in path if character == os.pathsep or not character.isprintable()]:
        raise CloudError(f"the path {path!r} has {bad[0]!r} in it, which PATH cannot hold: move the clone")


def short(folder: Path) -> Path:
    """Return a name of the folder in which a Unix socket can be: itself, or a link of this user's to it in /tmp."""
    if len(os.fsencode(folder)) <= SOCKET_FOLDER_BYTES:
        return folder
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    link = Path("/tmp", f"interaction-tracker-{os.geteuid()}-{digest}")  # noqa: S108  TMPDIR itself may be long
    with suppress(FileExistsError):
        link.symlink_to(folder)
    if link.lstat().st_uid != os.geteuid() or link.readlink() != folder:  # anybody may put a name into /tmp
        raise CloudError(f"{link} is not this user's link to {folder}: remove it")
    return link
