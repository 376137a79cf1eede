"""Fills the local ledger with many made-up interactions: by COPY, past the API and the queue."""

import uuid
from collections.abc import Iterable, Iterator
from datetime import timedelta
from itertools import islice
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from chalicelib.interaction import derive_id, to_datetime
from local.made_up import NAMESPACE, Person

BATCH = 20_000
ARRIVES_AFTER = timedelta(milliseconds=100)
_INCOMING = """
CREATE TEMPORARY TABLE incoming AS
SELECT id, user_id, event_id, kind, artifact_id, metadata, timestamp, received_at FROM interaction WITH NO DATA
"""
_COPY = "COPY incoming FROM STDIN"
# A person repeats now and then what was sent, and so does whoever calls this again.
_STORE = """
INSERT INTO interaction (id, user_id, event_id, kind, artifact_id, metadata, timestamp, received_at)
SELECT * FROM incoming ON CONFLICT DO NOTHING
"""


def fill(connection: psycopg.Connection, everybody: Iterable[Person]) -> Iterator[int]:
    """Store what these people did, in batches, and yield how many interactions each batch had.

    The connection is of the ledger's owner. Nothing comes into the outbox: the caller makes the graph. People have ids
    here and no accounts.
    """
    connection.execute(_INCOMING)
    made = rows(everybody)
    while batch := list(islice(made, BATCH)):
        with connection.transaction():  # short: kept answers rely on it (chalicelib/ledger/day_answers.py)
            with connection.cursor().copy(_COPY) as copy:
                for row in batch:
                    copy.write_row(row)
            connection.execute(_STORE)
            connection.execute("TRUNCATE incoming")
        yield len(batch)
    connection.execute("DROP TABLE incoming")
    connection.execute("ANALYZE interaction")


def rows(everybody: Iterable[Person]) -> Iterator[tuple[Any, ...]]:
    """Yield the ledger's rows of what these people did, with the ids that the API derives. Payloads are not checked."""
    for person in everybody:
        user_id = str(uuid.uuid5(NAMESPACE, person.email))
        for payload in person.payloads:
            microseconds = payload["timestamp"] * 1000
            id_ = derive_id(user_id=user_id, **payload | {"timestamp": microseconds})
            metadata = None if payload["metadata"] is None else Jsonb(payload["metadata"])
            when = to_datetime(microseconds)
            named = (payload["event_id"], payload["kind"], payload["artifact_id"])
            yield id_, user_id, *named, metadata, when, when + ARRIVES_AFTER
