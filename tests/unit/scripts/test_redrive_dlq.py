"""redrive-dlq: its filters, its file, and the rate of an action."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from scripts import redrive_dlq
from scripts.common.errors import OperationError
from scripts.dlq.actions import Action
from scripts.dlq.message import DlqMessage
from tests.samples import ALICE, NOW
from tests.unit.scripts.fake_sqs import FakeSqs, FakeTarget, message_of

STORABLE = message_of(ALICE)


@pytest.fixture
def sqs(monkeypatch: pytest.MonkeyPatch) -> FakeSqs:
    """Return the queue that the command uses: two messages that gave up, and one that is poison."""
    sqs = FakeSqs(STORABLE, "poison", STORABLE)
    monkeypatch.setattr(redrive_dlq, "find_target", lambda _: FakeTarget("dev", "us-east-1", None, sqs))
    return sqs


def run(*words: str) -> Result:
    return CliRunner().invoke(redrive_dlq.redrive_dlq, ["-e", "dev", *words])


def test_discarding_poison_keeps_the_others(sqs: FakeSqs, tmp_path: Path) -> None:
    path = tmp_path / "file"
    assert run("--discard", "--poison", "--yes", "--file", str(path)).exit_code == 0
    assert [message["Body"] for message in sqs.visible] == [STORABLE] * 2
    assert [json.loads(line)["body"] for line in path.read_text().splitlines()] == ["poison"]


@pytest.mark.parametrize(
    ("words", "sent"),
    [
        ([], [STORABLE] * 2),
        (["--poison"], ["poison"]),
        (["--poison", "--reason", "gave_up"], [STORABLE, "poison", STORABLE]),
        (["--limit", "1"], [STORABLE]),
    ],
)
def test_only_selected_messages_are_redriven(sqs: FakeSqs, words: list[str], sent: list[str]) -> None:
    assert run("--redrive", *words).exit_code == 0
    assert (sqs.sent, len(sqs.visible)) == (sent, 3 - len(sent))


def test_a_redrive_says_that_poison_stays(sqs: FakeSqs) -> None:
    assert "not selected: 1; poison stays unless --poison or --reason selects it" in run("--redrive").output


@pytest.mark.parametrize("words", [["--redrive", "--dry-run"], ["--discard", "--dry-run"], []])
def test_without_an_action_nothing_changes(sqs: FakeSqs, words: list[str]) -> None:
    assert run(*words).exit_code == 0
    assert (sqs.sent, len(sqs.visible)) == ([], 3)


def test_an_incomplete_line_of_a_file_is_named_and_is_exit_3(sqs: FakeSqs, tmp_path: Path) -> None:
    path = tmp_path / "file"
    run("--discard", "--yes", "--file", str(path))
    path.write_bytes(path.read_bytes()[:-9])
    result = run("--from-file", str(path))
    assert (result.exit_code, len(sqs.sent)) == (3, 2)
    assert result.stderr.endswith("line 3: it is incomplete and was not sent\n")


def test_a_file_without_a_last_newline_is_sent_whole(sqs: FakeSqs, tmp_path: Path) -> None:
    path = tmp_path / "file"
    run("--discard", "--yes", "--file", str(path))
    path.write_bytes(path.read_bytes().rstrip())
    assert (run("--from-file", str(path)).exit_code, len(sqs.sent)) == (0, 3)


def test_messages_held_by_others_are_exit_3(sqs: FakeSqs) -> None:
    sqs.receive_message()
    result = run()
    assert (result.exit_code, result.stderr.splitlines()[-1][:14]) == (3, "Error: 3 dead-")


def test_what_was_removed_is_told_also_when_it_cannot_be_counted(
    sqs: FakeSqs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OperationError("no")

    monkeypatch.setattr(FakeTarget, "operate", refuse)
    path = tmp_path / "file"
    result = run("--discard", "--yes", "--file", str(path))
    assert f"written to {path} and removed: 3 interactions in 3 messages" in result.stdout
    assert (result.exit_code, len(path.read_text().splitlines()), sqs.visible) == (3, 3, [])


def test_interactions_are_counted_not_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    batch = json.dumps(
        {"version": 2, "interactions": [{"kind": "keep", "id": str(n)} for n in range(9)] + [{"kind": 7}]}
    )
    sqs = FakeSqs(batch, "poison", batch)
    monkeypatch.setattr(redrive_dlq, "find_target", lambda _: FakeTarget("dev", "us-east-1", None, sqs))
    shown = run().stdout
    assert "dead-lettered messages of dev: 21 interactions in 3 messages, the oldest" in shown
    rows = dict(re.findall(r"^│ (\w+) +│ +(\d+) │$", shown, re.MULTILINE))
    assert rows == {"gave_up": "20", "not_json": "1", "keep": "18", "unreadable": "3"}
    assert "0 1 2 and 6 more" in shown


def test_an_action_keeps_to_its_rate_and_counts_failures() -> None:
    times: list[datetime] = []

    def act(messages: list[DlqMessage]) -> list[DlqMessage]:
        times.append(datetime.now(UTC))
        return messages[:-1]

    message = DlqMessage(message_id="m", reason="not_json", sent_at=NOW, attributes={}, body="{")
    action = Action(title="", act=act, messages_per_second=50)
    action.apply([message] * 30)
    assert times[-1] - times[0] > timedelta(seconds=0.39)
    assert (action.report.messages, action.failed) == (27, 3)
