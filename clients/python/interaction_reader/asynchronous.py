"""Asks the graph from asyncio."""

from typing import Any, Self, TypeVar

import neo4j

from interaction_reader.questions import Question, Record
from interaction_reader.reader import TIMEOUT_SECONDS, native, settings

Answer = TypeVar("Answer")


class AsyncReader:
    """The same as `Reader`, for asyncio; made within the event loop that asks."""

    def __init__(
        self,
        uri: str,
        username: str,
        password: str,
        *,
        certificate: str | None = None,
        timeout: float = TIMEOUT_SECONDS,
    ) -> None:
        """Take what `Reader` takes."""
        trust = settings(uri, certificate, timeout)
        self._driver = neo4j.AsyncGraphDatabase.driver(uri, auth=(username, password), **trust)
        self._timeout = timeout

    async def ask(self, question: Question[Answer]) -> Answer:
        """Return the answer; raises as `Reader.ask` does."""

        @neo4j.unit_of_work(timeout=self._timeout)
        async def work(transaction: neo4j.AsyncManagedTransaction) -> list[Record]:
            result: Any = await transaction.run(question.text, question.parameters)
            return [native(record) async for record in result]

        async with self._driver.session(default_access_mode=neo4j.READ_ACCESS) as session:
            return question.answer(await session.execute_read(work))

    async def close(self) -> None:
        """Close all connections."""
        await self._driver.close()

    async def __aenter__(self) -> Self:
        """Return this reader."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close it."""
        await self.close()
