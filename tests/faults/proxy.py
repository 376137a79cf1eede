"""A TCP proxy before a store that can delay what it passes on, cut connections, or swallow what they carry."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from local.component import LOOPBACK
from local.ports import is_free

PIECE_BYTES = 65_536


class Proxy:
    """Listens on a free port of loopback and passes on to another port."""

    def __init__(self, target: int) -> None:
        self.port = next(port for port in range(31_000, 32_000) if is_free(port))
        self.harmed = 0
        """How many connections were cut or swallowed, and how many pieces delayed."""
        self._target = target
        self._delay_seconds = 0.0
        self._cut_seconds: float | None = None
        self._swallows = False
        self._open: set[asyncio.StreamWriter] = set()
        self._started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()
        self._started.wait(10)

    async def _serve(self) -> None:
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        async with await asyncio.start_server(self._accept, LOOPBACK, self.port):
            self._started.set()
            await self._ended.wait()
            self._cut_all()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection(LOOPBACK, self._target)
        except OSError:
            writer.close()
            return
        self._open.add(writer)
        if self._cut_seconds is not None:
            self._loop.call_later(self._cut_seconds, self._cut, writer)
        silent = asyncio.Event()
        try:
            await asyncio.gather(self._pass_on(reader, back, silent), self._pass_on(there, writer, silent))
        except asyncio.CancelledError:  # it is closed
            back.transport.abort()
        finally:
            self._open.discard(writer)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, silent: asyncio.Event) -> None:
        with suppress(OSError):
            while piece := await reader.read(PIECE_BYTES):
                if self._swallows and not silent.is_set():
                    silent.set()  # for ever: it has lost a piece
                    self.harmed += 1
                if silent.is_set():
                    continue
                if self._delay_seconds:
                    self.harmed += 1
                    await asyncio.sleep(self._delay_seconds)
                writer.write(piece)
                await writer.drain()
        writer.close()

    def _cut(self, writer: asyncio.StreamWriter) -> None:
        if writer in self._open:
            self.harmed += 1
            writer.transport.abort()

    def _cut_all(self) -> None:
        for writer in self._open.copy():
            self._cut(writer)

    @contextmanager
    def delaying(self, seconds: float) -> Iterator[None]:
        """Pass each piece on so much later."""
        self._delay_seconds = seconds
        try:
            yield
        finally:
            self._delay_seconds = 0.0

    @contextmanager
    def cutting(self, seconds: float) -> Iterator[None]:
        """Cut each connection that is open, and each new one after so many seconds."""
        self._cut_seconds = seconds
        self._loop.call_soon_threadsafe(self._cut_all)
        try:
            yield
        finally:
            self._cut_seconds = None

    @contextmanager
    def swallowing(self) -> Iterator[None]:
        """Take what connections carry and pass nothing on; those connections stay silent afterwards too."""
        self._swallows = True
        try:
            yield
        finally:
            self._swallows = False

    def close(self) -> None:
        """Stop listening, and cut what is open."""
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(10)
