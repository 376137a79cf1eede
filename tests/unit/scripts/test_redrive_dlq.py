"""redrive-dlq: the rate of an action, and its counts."""

from datetime import UTC, datetime, timedelta

from scripts.dlq.message import DlqMessage
from scripts.redrive_dlq import Action
from tests.samples import NOW


def test_an_action_keeps_to_its_rate_and_counts_failures() -> None:
    times: list[datetime] = []

    def act(messages: list[DlqMessage]) -> list[DlqMessage]:
        times.append(datetime.now(UTC))
        return messages[:-1]

    message = DlqMessage(message_id="m", reason="not_json", sent_at=NOW, attributes={}, body="{")
    action = Action(title="", act=act, messages_per_second=50)
    action.apply([message] * 30)
    assert times[-1] - times[0] > timedelta(seconds=0.39)
    assert (action.report.count, action.failed) == (27, 3)
