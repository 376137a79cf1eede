"""Puts Postgres at a distance: a proxy that holds each answer back, and counts round trips."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from threading import Thread

DELAY_SECONDS = 0.001  # about what an answer from another zone takes longer
_CHUNK_BYTES = 1 << 20


@dataclass
class Far:
    """A loopback port that leads to a server some way off."""

    target_port: int
    delay_seconds: float
    port: int = 0
    round_trips: int = 0
    """How often a client has waited for an answer."""


@contextmanager
def far(target_port: int, delay_seconds: float = DELAY_SECONDS) -> Iterator[Far]:
    """Yield a port that leads to another one, each answer later by so much; close its connections before the end."""
    loop, found = asyncio.new_event_loop(), Far(target_port, delay_seconds)
    server = loop.run_until_complete(asyncio.start_server(partial(_connected, found), "127.0.0.1", 0))
    found.port = server.sockets[0].getsockname()[1]
    thread = Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        asyncio.run_coroutine_threadsafe(_end(server), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _end(server: asyncio.Server) -> None:
    server.close()
    await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}))  # they end with their connections


async def _connected(found: Far, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    far_reader, far_writer = await asyncio.open_connection("127.0.0.1", found.target_port)
    asked = asyncio.Event()

    async def ask() -> None:
        while chunk := await reader.read(_CHUNK_BYTES):
            asked.set()
            far_writer.write(chunk)
        far_writer.close()

    async def answer() -> None:
        while chunk := await far_reader.read(_CHUNK_BYTES):
            if asked.is_set():
                asked.clear()
                found.round_trips += 1
                await asyncio.sleep(found.delay_seconds)
            writer.write(chunk)
        writer.close()

    await asyncio.gather(ask(), answer())
