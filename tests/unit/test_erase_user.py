"""erase-user: whose dead letters go, what is not seen of them, and which lists it takes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from scripts import erase_user
from scripts.people import Person
from scripts.target import Target, WrongUseError
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
        answers: dict[str, Any] = {
            "holdings": self.held,
            "erase": {"interactions": 2, "nodes": 1, "cursor": None, "erased_at": "2026-05-01T12:00:00+00:00"},
            "erasures": {"erasures": [{"user_id": BOB, "erased_at": "2026-05-01T12:00:00+00:00"}], "cursor": None},
        }
        return answers[operation]

    @property
    def erased(self) -> dict[str, str | None]:
        """Up to when whose data were erased."""
        return {words["user_id"]: words["erased_at"] for operation, words in self.asked if operation == "erase"}


@pytest.fixture
def erase(monkeypatch: pytest.MonkeyPatch) -> Erase:
    """Return what runs the command against a target; each look at the dead letters finds the next of these."""

    def erase(target: Operated, *words: str, letters: tuple[tuple[int, int], ...] = ()) -> Result:
        looks = iter(letters)
        monkeypatch.setattr(erase_user, "find", lambda _: target)
        monkeypatch.setattr(erase_user, "find_person", lambda _, user: Person(user, None))
        monkeypatch.setattr(erase_user, "remove_of", lambda *_: next(looks))
        result = CliRunner().invoke(erase_user.erase_user, ["-e", "dev", *words])
        assert list(looks) == []
        return result

    return erase


def dev(**held: Any) -> Operated:
    return Operated("dev", "us-east-1", None, held=held or SOME)


def test_what_is_in_other_hands_is_told_and_is_exit_3(erase: Erase) -> None:
    target = dev()
    result = erase(target, ALICE, "--yes", letters=((3, 2),))
    assert "2 interactions, 1 nodes and 3 dead letters" in result.stdout
    assert result.stderr == "Error: 2 dead letters were in other hands and not looked at: run it again later\n"
    assert (result.exit_code, target.erased) == (3, {ALICE: None})
    assert erase(target, ALICE, "--yes", letters=((3, 0),)).exit_code == 0


def test_somebody_of_whom_there_are_only_dead_letters_is_erased(erase: Erase) -> None:
    target = dev(**NOTHING)
    result = erase(target, ALICE, "--yes", letters=((1, 0), (0, 0)))
    assert (result.exit_code, target.erased) == (0, {ALICE: None})
    assert "removed 1 dead letters" in result.stdout


@pytest.mark.parametrize(
    ("words", "letters", "status", "says"),
    [
        (["--yes"], ((0, 0),), 2, f"dev knows no user {ALICE}"),
        ([], (), 2, f"dev knows no user {ALICE}; with --yes it looks"),
        (["--yes"], ((0, 7),), 3, "7 dead letters were in other hands"),
    ],
)
def test_nobody_is_erased_of_whom_there_is_nothing(
    erase: Erase, words: list[str], letters: tuple[tuple[int, int], ...], status: int, says: str
) -> None:
    target = dev(**NOTHING)
    result = erase(target, ALICE, *words, letters=letters)
    assert (result.exit_code, target.erased) == (status, {})
    assert says in result.stderr


def test_of_a_list_and_of_what_is_noted_the_later_moment_counts(erase: Erase, tmp_path: Path) -> None:
    path, target = tmp_path / "list", dev()
    path.write_text(
        f'{{"user_id": "{BOB}", "erased_at": "2026-05-01T13:30:00+02:00"}}\n\n'
        f'{{"user_id": "{ALICE}", "erased_at": "2026-05-02T12:00:00Z", "finished_at": null}}\n'
    )
    result = erase(target, "--again", "--file", str(path), "--yes", letters=((0, 0), (1, 4)))
    assert target.erased == {BOB: "2026-05-01T12:00:00+00:00", ALICE: "2026-05-02T12:00:00+00:00"}
    assert result.exit_code == 3


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
