"""A TCP proxy before a store that can delay what it passes on, and cut or swallow connections."""

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
        self.delay_seconds = 0.0
        self.cut_seconds: float | None = None
        """Each connection is cut so long after it was opened."""
        self._target = target
        self._loop = asyncio.new_event_loop()
        started = threading.Event()
        threading.Thread(target=self._run, args=[started], daemon=True).start()
        started.wait(10)

    def _run(self, started: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(asyncio.start_server(self._accept, LOOPBACK, self.port))
        started.set()
        self._loop.run_forever()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection(LOOPBACK, self._target)
        except OSError:
            writer.close()
            return
        if self.cut_seconds is not None:
            self._loop.call_later(self.cut_seconds, writer.transport.abort)
        await asyncio.gather(self._pass_on(reader, back), self._pass_on(there, writer))

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while piece := await reader.read(PIECE_BYTES):
                await asyncio.sleep(self.delay_seconds)
                writer.write(piece)
                await writer.drain()
        writer.close()

    @contextmanager
    def delaying(self, seconds: float) -> Iterator[None]:
        """Pass each piece on so much later."""
        self.delay_seconds = seconds
        try:
            yield
        finally:
            self.delay_seconds = 0.0

    @contextmanager
    def cutting(self, seconds: float) -> Iterator[None]:
        """Cut each new connection after so many seconds."""
        self.cut_seconds = seconds
        try:
            yield
        finally:
            self.cut_seconds = None

    def close(self) -> None:
        """Stop listening, and cut what is open."""
        self._loop.call_soon_threadsafe(self._loop.stop)
