"""Our own files after a power cut: damaged ones are named, and made anew where nothing is lost."""

import json
from pathlib import Path

import pytest

from local.component import CloudError
from local.passwords import passwords
from local.ports import FILE, Ports
from local.queue_files import DEAD, EARLIER, HELD, WAITING, count, describe, read

DAMAGED = ["", "{", "[1]", "\0\0\0"]


@pytest.mark.parametrize("text", DAMAGED)
def test_damaged_ports_are_named_and_the_usual_ones_again(text: str, tmp_path: Path) -> None:
    messages: list[str] = []
    (tmp_path / FILE).write_text(text)
    assert Ports.remembered(tmp_path, messages.append) == {}
    assert messages[0].startswith(f"{tmp_path / FILE} is damaged")
    Ports.of({}).remember(tmp_path)
    assert Ports.of(Ports.remembered(tmp_path, messages.append)) == Ports()
    assert len(messages) == 1


@pytest.mark.parametrize("text", DAMAGED)
def test_damaged_passwords_are_named_and_kept(text: str, tmp_path: Path) -> None:
    file = tmp_path / "passwords.json"
    file.write_text(text)
    with pytest.raises(CloudError, match=r"passwords\.json is damaged"):
        passwords(tmp_path)
    assert file.read_text() == text


def test_passwords_are_the_same_the_next_time_and_only_the_owner_reads_them(tmp_path: Path) -> None:
    first = passwords(tmp_path)
    assert (passwords(tmp_path), (tmp_path / "passwords.json").stat().st_mode & 0o777) == (first, 0o600)
    assert [path.name for path in tmp_path.iterdir()] == ["passwords.json"]


def test_messages_on_disk_are_counted_and_a_damaged_line_is_named(tmp_path: Path) -> None:
    line = json.dumps({"queue": WAITING, "body": "b", "attributes": {}})
    (tmp_path / HELD).write_text(f"{line}\n")
    (tmp_path / EARLIER).write_text(f"{line}\n{line.replace(WAITING, DEAD)}\n")
    counts = count(read(tmp_path, EARLIER, HELD))
    assert describe(counts) == "2 waiting interactions and 1 dead-lettered message"
    (tmp_path / HELD).write_text(line[:-1])
    with pytest.raises(CloudError, match=r"queues\.jsonl is damaged"):
        read(tmp_path, HELD)
