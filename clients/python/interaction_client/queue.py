"""The queue on the disk: a database of SQLite, shared by all processes that open it."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from interaction_client.clock import Measured
from interaction_client.database import Database
from interaction_client.model import Payload, QueueFullError, Rejected

MAX_REJECTED = 1000  # the newest are kept, so that a mistake in a program cannot fill the disk
SCHEMA = """
CREATE TABLE IF NOT EXISTS waiting (
    id INTEGER PRIMARY KEY AUTOINCREMENT, owner TEXT NOT NULL, payload TEXT NOT NULL, is_final INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS waiting_of ON waiting (owner, id);
CREATE TABLE IF NOT EXISTS rejected (
    id INTEGER PRIMARY KEY AUTOINCREMENT, owner TEXT NOT NULL, payload TEXT NOT NULL, reason TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS owner (
    name TEXT PRIMARY KEY, bytes INTEGER NOT NULL DEFAULT 0, clock_offset REAL, clock_measured_at REAL);
"""
SIZE_OF_PROVISIONAL = "SELECT length(CAST(payload AS BLOB)) FROM waiting WHERE id = ? AND NOT is_final"
DELETE = "DELETE FROM waiting WHERE id = ? RETURNING length(CAST(payload AS BLOB))"
FORGET_REJECTED = """
DELETE FROM rejected WHERE owner = :owner
    AND id NOT IN (SELECT id FROM rejected WHERE owner = :owner ORDER BY id DESC LIMIT :kept)
"""


@dataclass(frozen=True)
class Row:
    """An interaction that waits, as the JSON text that is sent.

    Once final it never changes, since other content is another interaction.
    """

    id: int
    text: str
    is_final: bool

    @classmethod
    def of(cls, id_: int, payload: Payload) -> "Row":
        """Return a final row."""
        return cls(id_, as_text(payload), is_final=True)

    @property
    def payload(self) -> Payload:
        """The interaction."""
        payload: Payload = json.loads(self.text)
        return payload


class DiskQueue:
    """What waits for one user of one API: the owner. Safe in threads, and after a fork."""

    def __init__(self, path: Path, owner: str, max_bytes: int) -> None:
        self._database = Database(path, SCHEMA)
        self._owner = owner
        self._max_bytes = max_bytes
        with self._database.transaction() as sql:
            sql.execute("INSERT OR IGNORE INTO owner (name) VALUES (?)", [owner])

    def add(self, payload: Payload, *, is_final: bool) -> None:
        """Store an interaction on the disk. Raises QueueFullError when there is no room."""
        text = as_text(payload)
        try:
            with self._database.transaction() as sql:
                if self._grow(sql, len(text.encode())) > self._max_bytes:
                    raise QueueFullError(f"more than {self._max_bytes} bytes wait")
                row = [self._owner, text, is_final]
                sql.execute("INSERT INTO waiting (owner, payload, is_final) VALUES (?, ?, ?)", row)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_FULL:
                raise QueueFullError("the disk is full") from error
            raise

    def oldest(self, count: int) -> list[Row]:
        """Return the oldest rows, at most so many."""
        query = "SELECT id, payload, is_final FROM waiting WHERE owner = ? ORDER BY id LIMIT ?"
        rows = self._database.read(query, self._owner, count)
        return [Row(id_, text, bool(is_final)) for id_, text, is_final in rows]

    def finalize(self, rows: Sequence[Row]) -> None:
        """Write rows that were made final."""
        with self._database.transaction() as sql:
            for row in rows:
                for (size,) in sql.execute(SIZE_OF_PROVISIONAL, [row.id]).fetchall():
                    sql.execute("UPDATE waiting SET payload = ?, is_final = 1 WHERE id = ?", [row.text, row.id])
                    self._grow(sql, len(row.text.encode()) - size)

    def settle(self, settled: Sequence[tuple[Row, str | None]]) -> list[Rejected]:
        """Remove rows, together; keep those with a reason as rejected, and return these."""
        rejected = []
        with self._database.transaction() as sql:
            for row, reason in settled:
                for (size,) in sql.execute(DELETE, [row.id]).fetchall():
                    self._grow(sql, -size)
                    if reason is not None:
                        rejected.append(Rejected(row.payload, reason))
                        values = [self._owner, row.text, reason]
                        sql.execute("INSERT INTO rejected (owner, payload, reason) VALUES (?, ?, ?)", values)
            if rejected:
                sql.execute(FORGET_REJECTED, {"owner": self._owner, "kept": MAX_REJECTED})
        return rejected

    def counts(self) -> tuple[int, int]:
        """Return how many wait, and how many are kept as rejected."""
        waiting = "SELECT count(*) FROM waiting WHERE owner = ?"
        rejected = "SELECT count(*) FROM rejected WHERE owner = ?"
        [(waits, kept)] = self._database.read(f"SELECT ({waiting}), ({rejected})", self._owner, self._owner)
        return waits, kept

    def take_rejected(self) -> list[Rejected]:
        """Return the rejected interactions, and forget them."""
        with self._database.transaction() as sql:
            query = "DELETE FROM rejected WHERE owner = ? RETURNING id, payload, reason"
            rows = sql.execute(query, [self._owner]).fetchall()
        return [Rejected(json.loads(text), reason) for _, text, reason in sorted(rows)]

    def read_clock(self) -> Measured | None:
        """Return what the last process measured."""
        query = "SELECT clock_offset, clock_measured_at FROM owner WHERE name = ?"
        [(offset, at)] = self._database.read(query, self._owner)
        return None if at is None else Measured(offset, at)

    def write_clock(self, measured: Measured) -> None:
        """Keep it for the next process."""
        values = [*measured, self._owner]
        with self._database.transaction() as sql:
            sql.execute("UPDATE owner SET clock_offset = ?, clock_measured_at = ? WHERE name = ?", values)

    def close(self) -> None:
        """Close the connection; the next use opens another one."""
        self._database.close()

    def _grow(self, sql: sqlite3.Connection, size: int) -> int:
        query = "UPDATE owner SET bytes = bytes + ? WHERE name = ? RETURNING bytes"
        [(total,)] = sql.execute(query, [size, self._owner]).fetchall()
        return int(total)


def as_text(payload: Payload) -> str:
    """Return the JSON text that is stored and sent."""
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
