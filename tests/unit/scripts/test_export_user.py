"""export-user: its lines and its file."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from scripts import export_user
from scripts.common.errors import OperationError
from scripts.common.users import User
from tests.samples import ALICE, BOB
from tests.unit.scripts.fake_sqs import FakeSqs, FakeTarget


class Dev(FakeTarget):
    """A target with one interaction of the user."""

    def operate(self, operation: str, **arguments: Any) -> Any:
        if operation == "holdings":
            return {"interactions": 1, "waiting": 0, "erased_at": None, "nodes": 0}
        if self.results.get("fails") and arguments["cursor"]:
            raise OperationError("export: the ledger is unavailable")
        if arguments["cursor"]:
            return {"interactions": [], "cursor": None}
        return {"interactions": [{"id": "ü", "metadata": '{"a": 1}'}], "cursor": ["one"]}


@pytest.fixture
def dev(monkeypatch: pytest.MonkeyPatch) -> Dev:
    monkeypatch.setattr(export_user, "find_user", lambda _, user: User(user, None))
    return use(Dev("dev", "us-east-1", None), monkeypatch)


def use(target: Dev, monkeypatch: pytest.MonkeyPatch) -> Dev:
    monkeypatch.setattr(export_user, "find_target", lambda _: target)
    return target


def export(*words: str) -> Result:
    return CliRunner().invoke(export_user.export_user, ["-e", "dev", ALICE, *words])


EXPORTED = {"type": "interaction", "id": "ü", "metadata": {"a": 1}}


@pytest.mark.usefixtures("dev")
@pytest.mark.parametrize("words", [[], ["-o", "-"]])
def test_without_a_file_it_prints(words: list[str]) -> None:
    assert json.loads(export(*words).stdout) == EXPORTED


def test_a_dead_lettered_message_is_reduced_to_the_users_part(dev: Dev, monkeypatch: pytest.MonkeyPatch) -> None:
    both = [{"user_id": ALICE, "kind": "nonsense"}, {"user_id": BOB}]
    sqs = FakeSqs("held", json.dumps({"version": 1, "interactions": both}), "{" + ALICE, held=1)
    use(replace(dev, sqs=sqs), monkeypatch)
    result = export()
    lines = [json.loads(line) for line in result.stdout.splitlines()][1:]
    assert [one["type"] for one in lines] == ["dead_letter"] * 2
    assert [one.get("interactions", one.get("body")) for one in lines] == [both[:1], "{" + ALICE]
    assert result.exit_code == 3
    assert result.stderr.endswith("Error: 1 dead-lettered messages were not read: another command holds them?\n")


@pytest.mark.usefixtures("dev")
def test_only_the_owner_may_read_the_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    result = export("-o", str(path))
    assert (result.exit_code, result.stdout) == (0, "")
    assert json.loads(path.read_text(encoding="utf-8")) == EXPORTED
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "changes", [{"results": {"fails": True}}, {"sqs": FakeSqs("held", held=1)}], ids=["failed", "not all read"]
)
def test_an_incomplete_export_leaves_no_file(
    dev: Dev, changes: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(replace(dev, **changes), monkeypatch)
    assert export("-o", str(tmp_path / "file")).exit_code == 3
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("dev")
def test_an_existing_file_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("mine")
    result = export("-o", str(path))
    assert (result.exit_code, path.read_text()) == (2, "mine")
    assert result.stderr.endswith("file exists: choose another name\n")


def test_an_impossible_file_is_exit_2() -> None:
    assert export("-o", "/dev/null/x").exit_code == 2
