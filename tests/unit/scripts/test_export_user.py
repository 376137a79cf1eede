"""export-user: its lines and its file."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from scripts import export_user
from scripts.common.target import Target
from scripts.common.users import User
from scripts.dlq.message import DlqMessage
from tests.samples import ALICE, BOB


class Operated(Target):
    """A target whose operations answer here: there is one interaction."""

    def operate(self, operation: str, **arguments: Any) -> Any:
        if operation == "holdings":
            return {"interactions": 1, "waiting": 0, "erased_at": None, "nodes": 0}
        if arguments["cursor"]:
            return {"interactions": [], "cursor": None}
        return {"interactions": [{"id": "ü", "metadata": '{"a": 1}'}], "cursor": ["one"]}


@pytest.fixture(autouse=True)
def _dev(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_user, "find_target", lambda _: Operated("dev", "us-east-1", None))
    monkeypatch.setattr(export_user, "find_user", lambda _, user: User(user, None))
    monkeypatch.setattr(export_user, "find_messages_of", lambda *_: ([], 0))


def export(*words: str) -> Result:
    return CliRunner().invoke(export_user.export_user, ["-e", "dev", ALICE, *words])


EXPORTED = {"type": "interaction", "id": "ü", "metadata": {"a": 1}}


@pytest.mark.parametrize("words", [[], ["-o", "-"]])
def test_without_a_file_it_prints(words: list[str]) -> None:
    assert json.loads(export(*words).stdout) == EXPORTED


def test_a_dead_lettered_message_is_reduced_to_the_users_part(monkeypatch: pytest.MonkeyPatch) -> None:
    both = [{"user_id": ALICE, "kind": "nonsense"}, {"user_id": BOB}]
    messages = [message(json.dumps({"version": 1, "interactions": both})), message("{" + ALICE)]
    monkeypatch.setattr(export_user, "find_messages_of", lambda *_: (messages, 2))
    result = export()
    lines = [json.loads(line) for line in result.stdout.splitlines()][1:]
    assert [one["type"] for one in lines] == ["dead_letter"] * 2
    assert [one.get("interactions", one.get("body")) for one in lines] == [both[:1], "{" + ALICE]
    assert (result.exit_code, result.stderr.startswith("Error: 2 dead-lettered messages were held")) == (3, True)


def message(body: str) -> DlqMessage:
    return DlqMessage.from_sqs({"MessageId": "m", "Attributes": {"SentTimestamp": "1"}, "Body": body})


def test_only_the_owner_may_read_the_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    result = export("-o", str(path))
    assert (result.exit_code, result.output) == (0, "")
    assert json.loads(path.read_text(encoding="utf-8")) == EXPORTED
    assert path.stat().st_mode & 0o777 == 0o600


def test_an_existing_file_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("mine")
    result = export("-o", str(path))
    assert (result.exit_code, path.read_text()) == (2, "mine")
    assert result.stderr.endswith("file exists: choose another name\n")


def test_an_impossible_file_is_exit_2() -> None:
    assert export("-o", "/nope/x").exit_code == 2
