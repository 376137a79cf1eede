"""The Python client against a real HTTP server that fails as told: what happens to the interactions."""

import asyncio
import select
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from interaction_client import AsyncTracker, Interaction, QueueFullError, Rejected, Tracker
from tests.clients.conftest import Api, token_of
from tests.waiting import within

NewTracker = Callable[..., Tracker]
ARTIFACTS = [f"a{number}" for number in range(1000)]


@pytest.fixture
def user() -> str:
    return str(uuid.uuid4())


@pytest.fixture
def new_tracker(api: Api, user: str, tmp_path: Path) -> Iterator[NewTracker]:
    """Return a function that makes a tracker whose requests wait for nobody; at the end they are closed."""
    trackers: list[Tracker] = []

    def new(token: Any = None, **settings: Any) -> Tracker:
        given: dict[str, Any] = {"path": tmp_path / "queue.db", "user": user, "batch_seconds": 0.01} | settings
        tracker = Tracker(api.url, token or token_of(user), **given)
        trackers.append(tracker)
        return tracker

    yield new
    for tracker in trackers:
        tracker.close(0)


def test_a_recall_has_its_event_at_once_and_what_follows_joins_it(api: Api, user: str, new_tracker: NewTracker) -> None:
    tracker = new_tracker(batch_seconds=0.5)
    event_id = tracker.recall({"query": "test recall"})
    tracker.peel(event_id, "a1")
    tracker.keep(event_id, "a1")
    tracker.mark_good(event_id, "a1", {"position": 1})
    tracker.mark_bad(event_id, "a2")
    tracker.unkeep(event_id, "a1")
    tracker.unmark(event_id, "a2")
    assert tracker.status.waiting == 7
    assert tracker.flush().waiting == 0
    stored = api.stored(user)
    kinds = ["recall", "peel", "keep", "mark_good", "mark_bad", "unkeep", "unmark"]
    assert [one["kind"] for one in stored] == kinds
    assert {one["event_id"] for one in stored} == {event_id}


def test_two_interactions_with_the_same_content_have_two_times(api: Api, user: str, new_tracker: NewTracker) -> None:
    tracker = new_tracker()
    event_id = str(uuid.uuid4())
    for _ in range(20):
        tracker.peel(event_id, "a1")
    tracker.flush()
    assert len({one["timestamp"] for one in api.stored(user)}) == 20


def test_a_token_for_this_machine_goes_to_no_proxy(
    api: Api, user: str, new_tracker: NewTracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.getsockname()[1]}")
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.setenv(name, "")
        tracker = new_tracker()
        tracker.recall({"query": "test recall"})
        assert tracker.flush().waiting == 0
        assert select.select([proxy], [], [], 0)[0] == []
    monkeypatch.undo()  # before the test itself asks
    assert len(api.stored(user)) == 1


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 429, "headers": {"Retry-After": "0"}},
        {"status": 500, "text": "<html>"},
        {"break": True},
        {"status": 200, "text": "<html>"},
        {"verdicts": ["retry"]},
        {"verdicts": [None]},
    ],
    ids=str,
)
def test_the_interaction_is_sent_again_after(
    fault: dict[str, Any], api: Api, user: str, new_tracker: NewTracker
) -> None:
    api.script(fault, fault)
    tracker = new_tracker()
    tracker.recall()
    assert tracker.flush().waiting == 0
    assert (len(api.stored(user)), len(api.posts())) == (1, 3)


def test_retry_after_is_the_least_that_it_waits(api: Api, new_tracker: NewTracker) -> None:
    api.script({"status": 429, "headers": {"Retry-After": "2"}})
    tracker = new_tracker()
    tracker.recall()
    assert tracker.flush().waiting == 0
    first, second = api.posts()
    assert second["at"] - first["at"] >= 2


def test_what_was_sent_once_never_changes(api: Api, user: str, new_tracker: NewTracker) -> None:
    api.script({"lose_answer": True}, {"lose_answer": True}, clock_offset_seconds=3 * 86_400)
    tracker = new_tracker()
    tracker.recall({"query": "a"})
    assert tracker.flush().waiting == 0
    first, *others = api.stored(user)
    assert others == [first, first]


@pytest.mark.parametrize("years", [-25, -3, 3, 20])
def test_with_a_clock_that_is_wrong_by_years_nothing_is_refused(
    years: int, api: Api, user: str, new_tracker: NewTracker
) -> None:
    offset = -years * 365 * 86_400
    api.script(clock_offset_seconds=offset)
    tracker = new_tracker()
    event_id = tracker.recall()
    tracker.flush()
    tracker.peel(event_id, "a1")  # now that the clock was measured
    assert tracker.flush()[:2] == (0, 0)
    assert all(abs(one["timestamp"] - (time.time() + offset)) < 10 for one in api.stored(user))


def test_a_time_that_the_caller_gives_is_sent_as_it_is(api: Api, user: str, new_tracker: NewTracker) -> None:
    api.script(clock_offset_seconds=3 * 86_400)
    tracker = new_tracker()
    tracker.track(Interaction(kind="recall", timestamp=datetime(2025, 5, 1, 12, tzinfo=UTC)))
    tracker.flush()
    assert api.stored(user)[0]["timestamp"] == "2025-05-01T12:00:00+00:00"


def test_more_than_a_request_may_hold_goes_in_several_in_order(api: Api, user: str, new_tracker: NewTracker) -> None:
    tracker = new_tracker(batch_seconds=10)
    for artifact in ARTIFACTS[:250]:
        tracker.peel(None, artifact)
    assert tracker.flush().waiting == 0
    assert [one["count"] for one in api.posts()] == [100, 100, 50]
    assert [one["artifact_id"] for one in api.stored(user)] == ARTIFACTS[:250]


def test_a_batch_that_is_too_large_is_split_and_what_is_too_large_alone_is_kept(
    api: Api, user: str, new_tracker: NewTracker
) -> None:
    api.script({"status": 413}, {"status": 413})
    rejected: list[Rejected] = []
    tracker = new_tracker(batch_seconds=10, on_rejected=rejected.append)
    for artifact in ARTIFACTS[:8]:
        tracker.peel(None, artifact)
    tracker.recall({"query": "x" * 300_000})
    tracker.peel(None, "last")
    assert tracker.flush()[:2] == (0, 1)
    assert [one["count"] for one in api.posts()][:3] == [8, 4, 2]
    assert len(api.stored(user)) == 9
    assert "bytes" in rejected[0].reason


def test_what_the_api_refuses_is_kept_with_the_reason_and_holds_back_no_other(
    api: Api, user: str, new_tracker: NewTracker
) -> None:
    rejected: list[Rejected] = []
    tracker = new_tracker(batch_seconds=10, on_rejected=rejected.append)
    for artifact in ("a1", "", "a2"):
        tracker.peel(None, artifact)
    assert tracker.flush()[:2] == (0, 1)
    assert [one["artifact_id"] for one in api.stored(user)] == ["a1", "a2"]
    assert "artifact_id" in rejected[0].reason
    assert tracker.take_rejected() == rejected
    assert tracker.status.rejected == 0


def test_a_token_that_has_expired_is_asked_for_once_more(api: Api, user: str, new_tracker: NewTracker) -> None:
    asked: list[bool] = []

    def token(refresh: bool) -> str:  # noqa: FBT001  as the client calls it
        asked.append(refresh)
        return token_of(user, 3600 if refresh else -1)

    tracker = new_tracker(token, batch_seconds=10)
    tracker.recall()
    tracker.recall()
    assert tracker.flush().waiting == 0
    assert asked == [False, True]


def test_a_token_that_stays_refused_pauses_and_signing_in_again_goes_on(
    api: Api, user: str, new_tracker: NewTracker
) -> None:
    seconds = -1.0
    tracker = new_tracker(lambda _refresh: token_of(user, seconds))
    tracker.recall()
    assert tracker.flush() == (1, 0, "paused", "no valid ID token")
    seconds = 3600
    assert tracker.flush().waiting == 0
    assert len(api.stored(user)) == 1


def test_one_users_interactions_are_never_sent_with_another_users_token(api: Api, new_tracker: NewTracker) -> None:
    tracker = new_tracker(token_of("another"))
    tracker.recall()
    assert tracker.flush()[:3] == (1, 0, "paused")
    assert api.posts() == []


def test_a_queue_is_shared_by_users_and_each_has_its_own(
    api: Api, user: str, new_tracker: NewTracker, tmp_path: Path
) -> None:
    api.script({"status": 503}, {"status": 503})
    first = new_tracker()
    first.peel(None, "a1")
    first.close(0)
    api.script()
    with Tracker(api.url, token_of("bob"), path=tmp_path / "queue.db") as second:
        second.peel(None, "a2")
    assert (api.distinct("bob"), api.distinct(user)) == (["a2"], [])
    assert new_tracker().flush().waiting == 0
    assert api.distinct(user) == ["a1"]


def test_a_full_queue_raises_or_blocks_until_there_is_room(api: Api, new_tracker: NewTracker) -> None:
    tracker = new_tracker(max_bytes=400, batch_seconds=10, block_seconds=0)
    tracker.recall()
    with pytest.raises(QueueFullError, match="400 bytes"):
        tracker.recall({"query": "x" * 300})
    blocking = new_tracker(max_bytes=400, block_seconds=20)
    threading.Timer(0.3, tracker.flush).start()
    blocking.recall({"query": "x" * 200})
    assert blocking.flush().waiting == 0


def test_threads_share_a_tracker(api: Api, user: str, new_tracker: NewTracker) -> None:
    tracker = new_tracker()

    def track(first: int) -> None:
        for artifact in ARTIFACTS[first : first + 25]:
            tracker.peel(None, artifact)

    threads = [threading.Thread(target=track, args=[first]) for first in range(0, 200, 25)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert tracker.flush(20).waiting == 0
    assert sorted(one["artifact_id"] for one in api.stored(user)) == sorted(ARTIFACTS[:200])


def test_asyncio_tracks_flushes_and_may_have_an_asynchronous_token(api: Api, user: str, tmp_path: Path) -> None:
    async def token(_refresh: bool) -> str:  # noqa: FBT001  as the client calls it
        await asyncio.sleep(0.01)
        return token_of(user)

    async def main() -> None:
        async with AsyncTracker(api.url, token, user=user, path=tmp_path / "queue.db", batch_seconds=0.01) as tracker:
            event_id = await tracker.recall({"query": "test recall"})
            await tracker.peel(event_id, "a1")
            assert (await tracker.flush()).waiting == 0

    asyncio.run(main())
    assert [one["kind"] for one in api.stored(user)] == ["recall", "peel"]


def test_a_cancelled_task_loses_nothing_that_it_tracked(api: Api, user: str, tmp_path: Path) -> None:
    async def main() -> None:
        async with AsyncTracker(api.url, token_of(user), path=tmp_path / "queue.db", batch_seconds=0.01) as tracker:
            tasks = [asyncio.create_task(tracker.peel(None, artifact)) for artifact in ARTIFACTS[:20]]
            await asyncio.sleep(0)  # each has begun
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            flushing = asyncio.create_task(tracker.flush(30))
            await asyncio.sleep(0)
            flushing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await flushing

            async def all_tracked() -> None:
                while len(api.distinct(user)) < 20:  # noqa: ASYNC110  the API has no event
                    await asyncio.sleep(0.05)

            await asyncio.wait_for(all_tracked(), 20)

    asyncio.run(main())


def test_when_the_sender_is_closed_another_of_the_same_queue_goes_on(
    api: Api, user: str, new_tracker: NewTracker
) -> None:
    first, second = new_tracker(), new_tracker()
    first.peel(None, "a0")
    first.flush()
    second.peel(None, "a1")
    assert second.flush().state == "other"
    assert api.distinct(user) == ["a0", "a1"]
    first.close()
    second.peel(None, "a2")

    def taken_over() -> None:
        assert second.status.state == "ready"
        assert api.distinct(user) == ["a0", "a1", "a2"]

    within(10, taken_over)
