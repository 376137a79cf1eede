"""Asks the graph, and waits for the answer."""

import ssl
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

import neo4j
from neo4j.time import DateTime

from interaction_reader.questions import Question, Record

Answer = TypeVar("Answer")
TIMEOUT_SECONDS = 5.0
VERIFYING_SCHEMES = ("neo4j+s", "bolt+s")
LOOPBACK_HOSTS = ("127.0.0.1", "::1", "localhost")


class Reader:
    """The graph, to be asked from any thread; closed by `close`, or at the end of a `with` block."""

    def __init__(
        self,
        uri: str,
        username: str,
        password: str,
        *,
        certificate: str | None = None,
        timeout: float = TIMEOUT_SECONDS,
    ) -> None:
        """Take the graph's address and login; nothing is connected before the first question.

        `certificate` (PEM) is the server's, if its URI has no "+s". The server ends a question after `timeout` seconds.
        Raises ValueError if the server would get the password without a proof of who it is; one on this machine may.
        """
        self._driver = neo4j.GraphDatabase.driver(uri, auth=(username, password), **settings(uri, certificate, timeout))
        self._timeout = timeout

    def ask(self, question: Question[Answer]) -> Answer:
        """Return the answer. The graph refuses whatever would write.

        Raises neo4j.exceptions.DriverError or Neo4jError: the graph is unavailable, or took longer than the time-out.
        """
        work = neo4j.unit_of_work(timeout=self._timeout)(lambda transaction: read(transaction, question))
        with self._driver.session(default_access_mode=neo4j.READ_ACCESS) as session:
            return question.answer(session.execute_read(work))

    def close(self) -> None:
        """Close all connections."""
        self._driver.close()

    def __enter__(self) -> Self:
        """Return this reader."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()


def read(transaction: neo4j.ManagedTransaction, question: Question[Any]) -> list[Record]:
    """Return the question's records."""
    return [native(record) for record in transaction.run(question.text, question.parameters)]


def native(record: neo4j.Record) -> Record:
    """Return the record with times as Python has them."""
    values = record.data()
    return {name: value.to_native() if isinstance(value, DateTime) else value for name, value in values.items()}


def settings(uri: str, certificate: str | None, timeout: float) -> dict[str, Any]:
    """Return the driver's settings: each wait has an end. Raises ValueError as `Reader` does."""
    address = urlsplit(uri)
    if not (certificate or address.scheme in VERIFYING_SCHEMES or address.hostname in LOOPBACK_HOSTS):
        raise ValueError("the graph must prove who it is: give its certificate, or a URI with neo4j+s://")
    trust = {"ssl_context": ssl.create_default_context(cadata=certificate)} if certificate else {}
    return {
        "connection_timeout": timeout,
        "connection_acquisition_timeout": timeout,
        "max_transaction_retry_time": timeout,
        "liveness_check_timeout": 30,
        "telemetry_disabled": True,
        **trust,
    }
