"""export-user: the file it makes."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from scripts import export_user
from scripts.common.target import Target
from scripts.common.users import Person
from scripts.dlq.message import DeadLetter
from tests.samples import ALICE, BOB


class Operated(Target):
    """A target whose operations function answers here: there is one interaction."""

    def operate(self, operation: str, **arguments: Any) -> Any:
        if operation == "holdings":
            return {"interactions": 1, "waiting": 0, "erased_at": None, "nodes": 0}
        one = {"id": "ü", "metadata": '{"a": 1}'}
        return {"interactions": [] if arguments["cursor"] else [one], "cursor": ["one"]}


@pytest.fixture(autouse=True)
def _dev(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_user, "find", lambda _: Operated("dev", "us-east-1", None))
    monkeypatch.setattr(export_user, "find_person", lambda _, user: Person(user, None))
    monkeypatch.setattr(export_user, "letters_of", lambda *_: ([], 0))


def export(*words: str) -> Result:
    return CliRunner().invoke(export_user.export_user, ["-e", "dev", ALICE, *words])


EXPORTED = {"type": "interaction", "id": "ü", "metadata": {"a": 1}}


@pytest.mark.parametrize("words", [[], ["-o", "-"]])
def test_without_a_file_it_is_printed(words: list[str]) -> None:
    assert json.loads(export(*words).stdout) == EXPORTED


def test_of_a_dead_letter_it_tells_what_is_that_persons(monkeypatch: pytest.MonkeyPatch) -> None:
    both = [{"user_id": ALICE, "kind": "nonsense"}, {"user_id": BOB}]
    letters = [letter(json.dumps({"version": 1, "interactions": both})), letter("{" + ALICE)]
    monkeypatch.setattr(export_user, "letters_of", lambda *_: (letters, 2))
    result = export()
    told = [json.loads(line) for line in result.stdout.splitlines()][1:]
    assert [one["type"] for one in told] == ["dead_letter"] * 2
    assert [one.get("interactions", one.get("body")) for one in told] == [both[:1], "{" + ALICE]
    assert (result.exit_code, result.stderr.startswith("Error: 2 dead letters were in other hands")) == (3, True)


def letter(body: str) -> DeadLetter:
    return DeadLetter.received({"MessageId": "m", "Attributes": {"SentTimestamp": "1"}, "Body": body})


def test_its_file_is_nobody_elses_to_read(tmp_path: Path) -> None:
    path = tmp_path / "file"
    result = export("-o", str(path))
    assert (result.exit_code, result.output) == (0, "")
    assert json.loads(path.read_text(encoding="utf-8")) == EXPORTED
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_that_exists_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("mine")
    result = export("-o", str(path))
    assert (result.exit_code, path.read_text()) == (2, "mine")
    assert result.stderr.endswith("file exists: choose another name\n")


def test_where_no_file_can_be_is_wrong_use() -> None:
    assert export("-o", "/nope/x").exit_code == 2
