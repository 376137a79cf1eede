"""erase-user: which dead-lettered interactions it deletes, which it cannot read, and which lists it accepts."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from chalicelib.interaction import microseconds
from chalicelib.queue import encode
from scripts import erase_user
from scripts.common.erasures import read_list
from scripts.common.errors import OperationError, WrongUseError
from scripts.common.users import User
from tests.samples import ALICE, BOB, interaction
from tests.unit.scripts.fake_sqs import FakeSqs, FakeTarget, message_of

NOTHING = {"interactions": 0, "waiting": 0, "erased_at": None, "nodes": 0}
SOME = NOTHING | {"interactions": 2}
Erase = Callable[..., Result]


@dataclass(frozen=True)
class Dev(FakeTarget):
    """A target whose operations answer here, and which records the calls."""

    counts: dict[str, Any] = field(default_factory=lambda: SOME)
    fails: tuple[str, str | None] | None = None
    """Whose erasure fails, and in which phase."""

    def operate(self, operation: str, **arguments: Any) -> Any:
        self.calls.append((operation, arguments))
        if self.fails == (arguments.get("user_id"), (arguments.get("cursor") or {}).get("phase")):
            raise OperationError("erase: killed")
        cursor = None if arguments.get("cursor") else {"phase": "sweep"}
        answers: dict[str, Any] = {
            "holdings": self.counts,
            "erase": {"interactions": 2, "nodes": 1, "cursor": cursor, "erased_at": "2026-05-01T12:00:00+00:00"},
            "users": {"users": [ALICE, BOB, "\x1b[2J"], "cursor": None},
            "erasures": {"erasures": [{"user_id": BOB, "erased_at": "2026-05-01T12:00:00+00:00"}], "cursor": None},
        }
        return answers[operation]

    @property
    def erased(self) -> dict[str, str | None]:
        """The time of each user's erasure."""
        first = [words for operation, words in self.calls if operation == "erase" and not words["cursor"]]
        return {words["user_id"]: words["erased_at"] for words in first}

    @property
    def erase_calls(self) -> list[str]:
        """The calls of erasures, in their order."""
        calls = [words for operation, words in self.calls if operation == "erase"]
        return [f"sweep {words['user_id']}" if words["cursor"] else words["user_id"] for words in calls]


@pytest.fixture
def erase(monkeypatch: pytest.MonkeyPatch) -> Erase:
    """Return a function that runs the command; so many messages are Alice's, and so many are held by others."""

    def erase(target: Dev, *words: str, messages: int = 0, in_flight: int = 0, sqs: FakeSqs | None = None) -> Result:
        sqs = sqs or FakeSqs(*["held"] * in_flight, *[message_of(ALICE)] * messages, held=in_flight)
        monkeypatch.setattr(erase_user, "find_target", lambda _: replace(target, sqs=sqs))
        monkeypatch.setattr(erase_user, "find_user", lambda _, user: User(user, None))
        return CliRunner().invoke(erase_user.erase_user, ["-e", "dev", *words])

    return erase


def dev(**counts: Any) -> Dev:
    return Dev("dev", "us-east-1", None, counts=counts or SOME)


def test_without_yes_it_only_shows(erase: Erase) -> None:
    target = dev()
    result = erase(target, ALICE, messages=3)
    assert (result.exit_code, target.erased) == (0, {})
    assert "2 interactions (0 not yet in the graph), 0 nodes and 3 dead-lettered interactions" in result.stdout


def test_messages_held_by_others_are_exit_3(erase: Erase) -> None:
    target = dev()
    result = erase(target, ALICE, "--yes", messages=3, in_flight=2)
    assert "erased 4 interactions, 2 nodes and 3 dead-lettered interactions" in result.stdout
    assert result.stderr.endswith("Error: 2 dead-lettered messages were not read: another command holds them?\n")
    assert (result.exit_code, target.erased) == (3, {ALICE: None})
    assert erase(target, ALICE, "--yes", messages=3).exit_code == 0


def test_a_user_with_only_dead_lettered_messages_is_erased(erase: Erase) -> None:
    target = dev(**NOTHING)
    result = erase(target, ALICE, "--yes", messages=1)
    assert (result.exit_code, target.erased) == (0, {ALICE: None})
    assert "1 dead-lettered interactions" in result.stdout


@pytest.mark.parametrize(
    ("in_flight", "status", "says"),
    [(0, 2, f"dev knows no user {ALICE}"), (7, 3, "7 dead-lettered messages were not read")],
)
def test_a_user_without_data_is_unknown(erase: Erase, in_flight: int, status: int, says: str) -> None:
    target = dev(**NOTHING)
    result = erase(target, ALICE, in_flight=in_flight)
    assert (result.exit_code, target.erased) == (status, {})
    assert says in result.stderr


def test_the_erasure_of_an_id_without_data_is_recorded_for_what_is_still_on_the_way(erase: Erase) -> None:
    target = dev(**NOTHING)
    result = erase(target, ALICE, "--yes")
    assert (result.exit_code, target.erased) == (0, {ALICE: None})
    assert f"{ALICE}: nothing is stored of this id; its erasure is recorded all the same" in result.stdout


def test_an_address_means_only_the_present_account(erase: Erase) -> None:
    result = erase(dev(), "alice@example.com")
    assert result.stdout.startswith("alice@example.com means the account alice@example.com; --without-account lists")


def test_ids_without_an_account_are_listed(erase: Erase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erase_user, "list_account_ids", lambda _: {ALICE})
    assert erase(dev(), "--without-account").stdout == f"{BOB}\n\\x1b[2J\n"


def test_the_later_time_of_list_and_ledger_counts(erase: Erase, tmp_path: Path) -> None:
    path, target = tmp_path / "list", dev()
    path.write_text(
        f'{{"user_id": "{BOB}", "erased_at": "2026-05-01T13:30:00+02:00"}}\n\n'
        f'{{"user_id": "{ALICE}", "erased_at": "2026-05-02T12:00:00Z", "finished_at": null}}\n'
    )
    result = erase(target, "--again", "--file", str(path), "--yes", in_flight=4)
    assert target.erased == {BOB: "2026-05-01T12:00:00+00:00", ALICE: "2026-05-02T12:00:00+00:00"}
    assert result.exit_code == 3


def test_what_is_dead_lettered_after_an_erasure_goes_when_it_is_applied_again(erase: Erase, tmp_path: Path) -> None:
    path, target = tmp_path / "list", dev()
    path.write_text(f'{{"user_id": "{ALICE}", "erased_at": "2026-05-02T12:00:00Z"}}\n')
    result = erase(target, "--again", "--file", str(path), "--yes", messages=2)
    assert "2 nodes and 2 dead-lettered interactions, all from before 2026-05-01T12:00:00+00:00" in result.stdout
    assert target.erased[ALICE] == "2026-05-02T12:00:00+00:00"  # its own time: what the person did since then stays


@pytest.mark.parametrize("with_account", [True, False])
def test_what_a_void_token_posted_after_an_erasure_goes_when_that_is_applied_again(
    erase: Erase, tmp_path: Path, *, with_account: bool
) -> None:
    path, erasure = tmp_path / "list", {"user_id": ALICE, "erased_at": "2026-05-01T12:00:00Z"}
    path.write_text(json.dumps(erasure | {"with_account": with_account}))
    later, before = datetime(2026, 5, 1, 13, tzinfo=UTC), datetime(2026, 5, 1, 11, tzinfo=UTC)
    posted = interaction(now=later, timestamp=later.timestamp())
    void = encode(posted.model_copy(update={"signed_in_at": microseconds(before)}))
    sqs = FakeSqs(void)
    result = erase(dev(), "--again", "--file", str(path), "--yes", sqs=sqs)
    assert [message["Body"] for message in sqs.visible] == ([] if with_account else [void])
    assert ("or posted with a token of a sign-in before it" in result.stdout) == with_account


def test_many_erasures_wait_together_for_the_sweep(erase: Erase, tmp_path: Path) -> None:
    path, target = tmp_path / "list", dev()
    path.write_text(f'{{"user_id": "{ALICE}", "erased_at": "2026-05-02T12:00:00Z"}}\n')
    assert erase(target, "--again", "--file", str(path), "--yes").exit_code == 0
    assert target.erase_calls == [BOB, ALICE, f"sweep {BOB}", f"sweep {ALICE}"]


@pytest.mark.parametrize(
    ("phase", "calls", "left"),
    [
        ("sweep", [BOB, ALICE, f"sweep {BOB}", f"sweep {ALICE}"], []),
        (None, [BOB, ALICE, f"sweep {ALICE}"], [message_of(BOB)]),
    ],
)
def test_an_erasure_that_fails_stops_no_other_and_keeps_its_dead_letters_only_if_its_rows_are_there(
    erase: Erase, tmp_path: Path, phase: str | None, calls: list[str], left: list[str]
) -> None:
    path, target = tmp_path / "list", replace(dev(), fails=(BOB, phase))
    sqs = FakeSqs(message_of(BOB), message_of(ALICE))
    path.write_text(f'{{"user_id": "{ALICE}", "erased_at": "2026-05-02T12:00:00Z"}}\n')
    result = erase(target, "--again", "--file", str(path), "--yes", sqs=sqs)
    assert target.erase_calls == calls
    assert [message["Body"] for message in sqs.visible] == left
    assert f"{ALICE}: erased 4 interactions, 2 nodes and 1 dead-lettered interactions" in result.stdout
    assert f"{BOB}: erased" not in result.stdout
    assert f"{BOB}: not complete: erase: killed\n" in result.stderr
    assert result.stderr.endswith("Error: 1 of 2 erasures are not complete: run this again\n")
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
        '{"user_id": "a", "erased_at": "1999-12-31T23:59:59Z"}',
    ],
)
def test_another_list_is_refused_with_its_line(erase: Erase, line: str, tmp_path: Path) -> None:
    path, target = tmp_path / "list", dev()
    path.write_text(f'{{"user_id": "{BOB}", "erased_at": "2026-05-01T12:00:00Z"}}\n{line}\n')
    result = erase(target, "--again", "--file", str(path), "--yes")
    assert (result.exit_code, target.calls) == (2, [])
    assert "line 2: " in result.stderr


def test_an_id_in_a_list_does_not_control_the_terminal(erase: Erase, tmp_path: Path) -> None:
    path, target = tmp_path / "list", dev()
    path.write_text('{"user_id": "\\u001b[2J-and-longer", "erased_at": "2026-05-01T12:00:00Z"}\n')
    result = erase(target, "--again", "--file", str(path), "--yes")
    assert "\n\\x1b[2J-and-longer: erased 4 interactions" in result.stdout
    assert "\x1b[2J" not in result.stdout
    assert "\x1b[2J-and-longer" in target.erased  # what has such an id must be erased too


def test_a_binary_list_is_refused(tmp_path: Path) -> None:
    (tmp_path / "list").write_bytes(b"\xff")
    with pytest.raises(WrongUseError, match="not the output of --list"):
        read_list(tmp_path / "list")
