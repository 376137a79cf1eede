"""The file of SQLite: one connection a process, which crosses no fork."""

import fcntl
import os
import sqlite3
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

BUSY_SECONDS = 30.0


class Database:
    """Runs queries for all threads of the process. Its connection is opened when it is needed, also after a fork."""

    def __init__(self, path: Path, schema: str) -> None:
        self._path = path
        self._schema = schema
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        _DATABASES.add(self)

    def read(self, query: str, *values: object) -> list[Any]:
        """Return the rows that a query finds."""
        with self._lock:
            return self._open().execute(query, values).fetchall()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Run a transaction; what it wrote is on the disk afterwards."""
        with self._lock:
            connection = self._open()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:  # SQLite ends some by itself, as on a full disk
                    connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Close the connection; the next use opens another one."""
        with self._lock:
            if self._connection:
                self._connection.close()
            self._connection = None

    def before_fork(self) -> None:
        """Let no connection cross the fork: SQLite forbids that a child uses it, or even closes it."""
        self._lock.acquire()
        self.close()

    def after_fork(self) -> None:
        """Go on, in the parent and in the child."""
        self._lock.release()

    def _open(self) -> sqlite3.Connection:
        if not self._connection:
            self._connection = _connect(self._path, self._schema)
        return self._connection


def _connect(path: Path, schema: str) -> sqlite3.Connection:
    for folder in {path.parent.resolve(), path.resolve().parent}:  # the file may be a link
        _check_folder(folder)
    path = path.resolve()
    # One process at a time: while the first turns a new file to WAL, others would be told that it is locked.
    with open(f"{path}-open.lock", "a", opener=_private) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # Only if it is not there: to close another descriptor of the file would release this process's locks on it.
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL, 0o600))  # it holds what users did
        for ending in ("", "-wal", "-shm", "-journal"):
            _check_private(Path(f"{path}{ending}"))
        connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.executescript(schema)
        except BaseException:
            connection.close()
            raise
        return connection


def _check_folder(folder: Path) -> None:
    """Raise PermissionError if another user may put files into the folder: SQLite would read them as the queue's.

    Whoever may do so could also change a file between a look at it and its opening.
    """
    state = folder.stat()
    if state.st_uid not in (0, os.geteuid()):
        raise PermissionError(f"{folder}: belongs to another user of this machine; give the tracker another path")
    # A group that has its user's number is that user's own: where each has one, new folders are open to it.
    if state.st_mode & (0o002 if state.st_gid == state.st_uid else 0o022):
        raise PermissionError(f"{folder}: other users of this machine may write to it; give the tracker another folder")


def _check_private(file: Path) -> None:
    """Raise PermissionError if another user owns the file, or may read or write it: they would have what users did."""
    try:
        owner, state = file.lstat().st_uid, file.stat()
    except FileNotFoundError:
        return
    if {owner, state.st_uid} != {os.geteuid()}:
        raise PermissionError(f"{file}: belongs to another user of this machine; give the tracker another path")
    if state.st_mode & 0o077:
        raise PermissionError(f"{file}: other users of this machine may read or write it; chmod 600 it")


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


_DATABASES: weakref.WeakSet[Database] = weakref.WeakSet()
_FORKING: list[Database] = []


def _before_fork() -> None:
    _FORKING[:] = _DATABASES
    for database in _FORKING:
        database.before_fork()


def _after_fork() -> None:
    for database in _FORKING:
        database.after_fork()
    _FORKING.clear()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)
