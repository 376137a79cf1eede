"""The tracker for asyncio: the same queue and the same sending thread, without blocking the loop."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar

from interaction_client.model import Interaction, Rejected, Status, Token
from interaction_client.sender import TIMEOUT_SECONDS
from interaction_client.tracker import POLL_SECONDS, Tracker

Given = ParamSpec("Given")
Returned = TypeVar("Returned")
AsyncToken = Callable[[bool], str | Awaitable[str]]


class AsyncTracker:
    """A Tracker whose methods are awaited. `token` may be a coroutine function; then `user` must be given.

    A cancelled `track` stores its interaction all the same.
    """

    def __init__(self, url: str, token: str | AsyncToken, *, path: str | Path, **settings: Any) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._running: set[asyncio.Future[Any]] = set()
        given = token if isinstance(token, str) else self._in_thread(token)
        self._tracker = Tracker(url, given, path=path, **settings)

    async def __aenter__(self) -> Self:
        """Use it as a context: it is closed at the end."""
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        """Close it."""
        await self.close()

    async def track(self, interaction: Interaction) -> str:
        """Keep an interaction; return its `event_id` once it is on the disk. Raises QueueFullError if it cannot be."""
        return await self._run(self._tracker.track, interaction)

    async def recall(self, metadata: Any = None) -> str:
        """Open an event by a recall, and return its `event_id`."""
        return await self._run(self._tracker.recall, metadata)

    async def workspace(self, metadata: Any = None) -> str:
        """Open an event by a workspace, and return its `event_id`."""
        return await self._run(self._tracker.workspace, metadata)

    async def peel(self, event_id: str | None, artifact_id: str, metadata: Any = None) -> str:
        """Track a peel; return the event's id, a new one if none is given."""
        return await self._run(self._tracker.peel, event_id, artifact_id, metadata)

    async def keep(self, event_id: str | None, artifact_id: str, metadata: Any = None) -> str:
        """Track a keep; return the event's id, a new one if none is given."""
        return await self._run(self._tracker.keep, event_id, artifact_id, metadata)

    async def mark_good(self, event_id: str | None, artifact_id: str, metadata: Any = None) -> str:
        """Track a good mark; return the event's id, a new one if none is given."""
        return await self._run(self._tracker.mark_good, event_id, artifact_id, metadata)

    async def mark_bad(self, event_id: str | None, artifact_id: str, metadata: Any = None) -> str:
        """Track a bad mark; return the event's id, a new one if none is given."""
        return await self._run(self._tracker.mark_bad, event_id, artifact_id, metadata)

    async def unkeep(self, event_id: str | None, artifact_id: str, metadata: Any = None) -> str:
        """Track that a keep is taken back; return the event's id, a new one if none is given."""
        return await self._run(self._tracker.unkeep, event_id, artifact_id, metadata)

    async def unmark(self, event_id: str | None, artifact_id: str, metadata: Any = None) -> str:
        """Track that a mark is taken back; return the event's id, a new one if none is given."""
        return await self._run(self._tracker.unmark, event_id, artifact_id, metadata)

    async def flush(self, seconds: float = 10.0) -> Status:
        """Send now; return when nothing waits, when the API refuses the requests, or after so many seconds."""
        until = time.monotonic() + seconds
        if self._running:  # what cancelled tasks left; `wait` is no task's end when it is cancelled itself
            await asyncio.wait(self._running)
        attempts = await self._run(self._tracker.start_flush)
        while not await self._run(self._tracker.is_flushed, attempts) and time.monotonic() < until:  # noqa: ASYNC110  another process may send
            await asyncio.sleep(POLL_SECONDS)
        return await self.status()

    async def close(self, seconds: float = 10.0) -> Status:
        """Flush, then stop for good. What could not be sent stays for the same user's next tracker."""
        await self.flush(seconds)
        return await self._run(self._tracker.close, 0.0)

    async def status(self) -> Status:
        """Return what waits, and why."""
        return await self._run(lambda: self._tracker.status)

    async def take_rejected(self) -> list[Rejected]:
        """Return the interactions that will not be sent, and forget them."""
        return await self._run(self._tracker.take_rejected)

    async def _run(
        self, function: Callable[Given, Returned], *arguments: Given.args, **named: Given.kwargs
    ) -> Returned:
        """Run in a thread what a cancellation shall not undo: it would take it from the threads' queue."""
        self._loop = asyncio.get_running_loop()
        running = asyncio.ensure_future(asyncio.to_thread(function, *arguments, **named))
        self._running.add(running)
        running.add_done_callback(self._running.discard)
        return await asyncio.shield(running)

    def _in_thread(self, token: AsyncToken) -> Token:
        """Return a function that asks for the token in the caller's loop, from the sending thread."""

        def get(refresh: bool) -> str:  # noqa: FBT001  as the caller's function has it
            given = token(refresh)
            if not inspect.isawaitable(given):
                return given
            if not self._loop:
                raise ValueError("user: required with a coroutine function")

            async def wait() -> str:
                return await given

            return asyncio.run_coroutine_threadsafe(wait(), self._loop).result(TIMEOUT_SECONDS)

        return get
