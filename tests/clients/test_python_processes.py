"""The Python client when its process is killed, forks or ends: each interaction arrives once."""

import socket
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest

from interaction_client import Tracker
from tests.clients import programs
from tests.clients.conftest import Api, token_of
from tests.waiting import within

ROOT = Path(__file__).parents[2]
ARTIFACTS = [f"a{number}" for number in range(programs.COUNT)]


def start(program: str, url: str, user: str, queue: Path) -> "subprocess.Popen[str]":
    module = "tests.clients.programs"
    command = [sys.executable, "-W", "ignore", "-m", module, program, url, user, token_of(user), str(queue)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture
def user() -> str:
    return str(uuid.uuid4())


@pytest.fixture
def queue(tmp_path: Path) -> Path:
    return tmp_path / "queue.db"


@pytest.mark.parametrize("fault", [{"seconds": 3}, {"seconds": 3, "lose_answer": True}, {"status": 503}], ids=str)
def test_a_process_that_is_killed_in_mid_send_leaves_it_to_the_next(
    fault: dict[str, object], api: Api, user: str, queue: Path
) -> None:
    api.script(fault)
    with start("track_and_wait", api.url, user, queue) as process:

        def sending() -> None:
            assert api.posts()

        within(20, sending)
        assert process.stdout
        assert process.stdout.readline() == "tracked\n"
        process.kill()
    with Tracker(api.url, token_of(user), path=queue) as tracker:
        assert tracker.flush(20).waiting == 0
    assert sorted(api.distinct(user)) == ARTIFACTS


def test_what_waits_at_the_end_of_a_program_is_sent(api: Api, user: str, queue: Path) -> None:
    with start("track_and_end", api.url, user, queue) as process:
        assert process.wait(120) == 0
    assert sorted(api.distinct(user)) == ARTIFACTS


def test_processes_that_start_at_the_same_time_share_a_new_queue(api: Api, user: str, queue: Path) -> None:
    processes = [start("track_and_end", api.url, user, queue) for _ in range(6)]
    for process in processes:
        with process:
            assert process.wait(120) == 0, process.stderr and process.stderr.read()
    with Tracker(api.url, token_of(user), path=queue) as tracker:
        assert tracker.flush(20).waiting == 0
    assert sorted(api.distinct(user)) == sorted(ARTIFACTS * 6)


def test_a_program_ends_in_time_though_the_api_is_down_and_loses_nothing(api: Api, user: str, queue: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, and never answers
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        began = time.monotonic()
        with start("track_and_end", url, user, queue) as process:
            assert process.wait(120) == 0
        assert time.monotonic() - began < 20
        tracker = Tracker(url, token_of(user), path=queue)
        assert tracker.status.waiting == programs.COUNT
        tracker.close(0)


@pytest.mark.parametrize("program", ["track_in_forks", "track_in_a_forked_child_alone"])
def test_a_fork_loses_and_doubles_nothing(program: str, api: Api, user: str, queue: Path) -> None:
    with start(program, api.url, user, queue) as process:
        assert process.wait(120) == 0, process.stderr and process.stderr.read()
    expected = {"track_in_forks": [f"a{first + n}" for first in (0, 100, 200, 300, 400) for n in range(20)]}
    assert sorted(api.distinct(user)) == sorted(expected.get(program, ["a0", "a1"]))
