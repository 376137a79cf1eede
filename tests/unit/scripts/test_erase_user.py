"""erase-user: whose dead letters go, what is not seen of them, and which lists it takes."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from scripts import erase_user
from scripts.common.target import Target, WrongUseError
from scripts.common.users import Person
from scripts.dlq.message import DeadLetter
from tests.samples import ALICE, BOB

NOTHING = {"interactions": 0, "waiting": 0, "erased_at": None, "nodes": 0}
SOME = NOTHING | {"interactions": 2}
Erase = Callable[..., Result]


@dataclass(frozen=True)
class Operated(Target):
    """A target whose operations function answers here, and says what it was asked."""

    held: dict[str, Any] = field(default_factory=lambda: SOME)
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def operate(self, operation: str, **arguments: Any) -> Any:
        self.asked.append((operation, arguments))
        place = None if arguments.get("cursor") else {"phase": "sweep"}
        answers: dict[str, Any] = {
            "holdings": self.held,
            "erase": {"interactions": 2, "nodes": 1, "cursor": place, "erased_at": "2026-05-01T12:00:00+00:00"},
            "erasures": {"erasures": [{"user_id": BOB, "erased_at": "2026-05-01T12:00:00+00:00"}], "cursor": None},
        }
        return answers[operation]

    @property
    def erased(self) -> dict[str, str | None]:
        """Up to when whose data were erased."""
        return {words["user_id"]: words["erased_at"] for operation, words in self.asked if "erased_at" in words}

    @property
    def swept(self) -> list[str]:
        """Whose graph was looked at again, in the order of all calls."""
        calls = [words for operation, words in self.asked if operation == "erase"]
        return [f"sweep {words['user_id']}" if "cursor" in words else words["user_id"] for words in calls]


@pytest.fixture
def erase(monkeypatch: pytest.MonkeyPatch) -> Erase:
    """Return what runs the command against a target with so many dead letters of Alice's, and so many hidden."""

    def erase(target: Operated, *words: str, letters: int = 0, hidden: int = 0) -> Result:
        of_alice = DeadLetter.received(
            {
                "MessageId": "m",
                "Attributes": {"SentTimestamp": "1"},
                "Body": json.dumps({"version": 1, "interactions": [{"user_id": ALICE}]}),
            }
        )
        monkeypatch.setattr(erase_user, "find", lambda _: target)
        monkeypatch.setattr(erase_user, "find_person", lambda _, user: Person(user, None))
        for name in ("letters_of", "remove_of"):
            monkeypatch.setattr(erase_user, name, lambda *_: ([of_alice] * letters, hidden))
        return CliRunner().invoke(erase_user.erase_user, ["-e", "dev", *words])

    return erase


def dev(**held: Any) -> Operated:
    return Operated("dev", "us-east-1", None, held=held or SOME)


def test_without_yes_it_is_shown_what_would_go(erase: Erase) -> None:
    target = dev()
    result = erase(target, ALICE, letters=3)
    assert (result.exit_code, target.erased) == (0, {})
    assert "2 interactions (0 not yet in the graph), 0 nodes and 3 dead letters" in result.stdout


def test_what_is_in_other_hands_is_told_and_is_exit_3(erase: Erase) -> None:
    target = dev()
    result = erase(target, ALICE, "--yes", letters=3, hidden=2)
    assert "erased 4 interactions, 2 nodes and 3 dead letters" in result.stdout
    assert result.stderr.endswith("Error: 2 dead letters were in other hands and not looked at: run it again later\n")
    assert (result.exit_code, target.erased) == (3, {ALICE: None})
    assert erase(target, ALICE, "--yes", letters=3).exit_code == 0


def test_somebody_of_whom_there_are_only_dead_letters_is_erased(erase: Erase) -> None:
    target = dev(**NOTHING)
    result = erase(target, ALICE, "--yes", letters=1)
    assert (result.exit_code, target.erased) == (0, {ALICE: None})
    assert "1 dead letters" in result.stdout


@pytest.mark.parametrize("words", [[], ["--yes"]])
@pytest.mark.parametrize(
    ("hidden", "status", "says"),
    [(0, 2, f"dev knows no user {ALICE}"), (7, 3, "7 dead letters were in other hands")],
)
def test_nobody_is_erased_of_whom_there_is_nothing(
    erase: Erase, words: list[str], hidden: int, status: int, says: str
) -> None:
    target = dev(**NOTHING)
    result = erase(target, ALICE, *words, hidden=hidden)
    assert (result.exit_code, target.erased) == (status, {})
    assert says in result.stderr


def test_of_a_list_and_of_what_is_noted_the_later_moment_counts(erase: Erase, tmp_path: Path) -> None:
    path, target = tmp_path / "list", dev()
    path.write_text(
        f'{{"user_id": "{BOB}", "erased_at": "2026-05-01T13:30:00+02:00"}}\n\n'
        f'{{"user_id": "{ALICE}", "erased_at": "2026-05-02T12:00:00Z", "finished_at": null}}\n'
    )
    result = erase(target, "--again", "--file", str(path), "--yes", hidden=4)
    assert target.erased == {BOB: "2026-05-01T12:00:00+00:00", ALICE: "2026-05-02T12:00:00+00:00"}
    assert result.exit_code == 3


def test_many_wait_together_before_they_are_looked_at_again(erase: Erase, tmp_path: Path) -> None:
    path, target = tmp_path / "list", dev()
    path.write_text(f'{{"user_id": "{ALICE}", "erased_at": "2026-05-02T12:00:00Z"}}\n')
    assert erase(target, "--again", "--file", str(path), "--yes").exit_code == 0
    assert target.swept == [BOB, ALICE, f"sweep {BOB}", f"sweep {ALICE}"]


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "7",
        "[]",
        "{}",
        '{"user_id": "", "erased_at": "2026-05-01T12:00:00Z"}',
        '{"user_id": 7, "erased_at": "2026-05-01T12:00:00Z"}',
        '{"user_id": "a", "erased_at": "yesterday"}',
        '{"user_id": "a", "erased_at": 7}',
        '{"user_id": "a", "erased_at": "2026-05-01T12:00:00"}',
        '{"user_id": "a", "erased_at": "0001-01-01T00:00:00+14:00"}',
        '{"user_id": "a", "erased_at": "9999-05-01T12:00:00Z"}',
    ],
)
def test_another_list_is_refused_with_its_line_before_anything_is_done(erase: Erase, line: str, tmp_path: Path) -> None:
    path, target = tmp_path / "list", dev()
    path.write_text(f'{{"user_id": "{BOB}", "erased_at": "2026-05-01T12:00:00Z"}}\n{line}\n')
    result = erase(target, "--again", "--file", str(path), "--yes")
    assert (result.exit_code, target.asked) == (2, [])
    assert "line 2: " in result.stderr


def test_a_list_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "list").write_bytes(b"\xff")
    with pytest.raises(WrongUseError, match="not what --list printed"):
        erase_user.read_list(tmp_path / "list")
