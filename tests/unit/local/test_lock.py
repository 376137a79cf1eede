"""One `make` at a time changes a clone, whatever becomes of the folders in it."""

import shutil
from pathlib import Path
from threading import Event, Thread

from local.lock import alone
from tests.waiting import within


def test_who_comes_second_waits_also_when_the_first_removes_everything(tmp_path: Path) -> None:
    (tmp_path / ".local").mkdir()
    messages: list[str] = []
    entered = Event()

    def second() -> None:
        with alone(messages.append, tmp_path):
            entered.set()

    with alone(messages.append, tmp_path):
        waiting = Thread(target=second)
        waiting.start()
        within(5, lambda: _assert_waits(messages))
        shutil.rmtree(tmp_path / ".local")
        (tmp_path / ".local").mkdir()
        with_a_new_folder = Thread(target=second)
        with_a_new_folder.start()
        with_a_new_folder.join(0.5)
        assert not entered.is_set()
    for thread in (waiting, with_a_new_folder):
        thread.join(5)
    assert entered.is_set()


def _assert_waits(messages: list[str]) -> None:
    assert messages == ["waiting for the `make` that is at work here"]
