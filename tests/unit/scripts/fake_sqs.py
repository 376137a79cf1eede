"""A dead-letter queue in memory that limits how many messages are in flight, and a target that uses it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import cached_property
from typing import Any

from scripts.common.target import SHORT_CALLS, Settings, Target


class FakeSqs:
    """SQS as far as the commands use it. Released messages go to the end of the queue, or `to_front`.

    Another reader holds the first messages, as many as `held`.
    """

    def __init__(self, *bodies: str, max_in_flight: int = 120_000, to_front: bool = False, held: int = 0) -> None:
        self.max_in_flight, self.to_front = max_in_flight, to_front
        self.visible = [self._message(number, body) for number, body in enumerate(bodies)]
        self.in_flight = {message["MessageId"]: message for message in self.visible[:held]}
        self.visible = self.visible[held:]
        self.sent: list[str] = []
        self.waiting = 0  # messages in the source queue

    def _message(self, number: int, body: str) -> dict[str, Any]:
        reason = "gave_up" if body.startswith("{") else "not_json"
        attributes = {} if reason == "gave_up" else {"reason": {"DataType": "String", "StringValue": reason}}
        sent = {"SentTimestamp": "1777636800000"}
        return {"MessageId": f"m{number}", "Body": body, "Attributes": sent, "MessageAttributes": attributes}

    def get_queue_attributes(self, *, QueueUrl: str = "dead", **_: Any) -> dict[str, Any]:  # noqa: N803
        counts = (self.waiting, 0) if QueueUrl == "source" else (len(self.visible), len(self.in_flight))
        names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
        return {"Attributes": {**dict(zip(names, map(str, counts), strict=True)), f"{names[0]}Delayed": "0"}}

    def receive_message(self, **_: Any) -> dict[str, Any]:
        number = min(10, self.max_in_flight - len(self.in_flight))
        taken, self.visible = self.visible[:number], self.visible[number:]
        for message in taken:
            self.in_flight[message["MessageId"]] = message
        date = format_datetime(datetime.now(UTC), usegmt=True)
        messages = [{**message, "ReceiptHandle": message["MessageId"]} for message in taken]
        return {"ResponseMetadata": {"HTTPHeaders": {"date": date}}, "Messages": messages}

    def delete_message_batch(self, *, Entries: list[dict[str, Any]], **_: Any) -> dict[str, Any]:  # noqa: N803
        for entry in Entries:
            del self.in_flight[entry["ReceiptHandle"]]
        return {"Successful": [{"Id": entry["Id"]} for entry in Entries]}

    def change_message_visibility_batch(self, *, Entries: list[dict[str, Any]], **_: Any) -> None:  # noqa: N803
        released = [self.in_flight.pop(entry["ReceiptHandle"]) for entry in Entries]
        self.visible = released + self.visible if self.to_front else self.visible + released

    def send_message(self, *, MessageBody: str, MessageAttributes: dict[str, Any], **_: Any) -> None:  # noqa: N803
        message = self._message(len(self.visible) + len(self.in_flight) + 1000, MessageBody)
        self.visible.append({**message, "MessageAttributes": MessageAttributes})

    def send_message_batch(self, *, Entries: list[dict[str, Any]], **_: Any) -> dict[str, Any]:  # noqa: N803
        self.sent += [entry["MessageBody"] for entry in Entries]
        return {"Successful": [{"Id": entry["Id"]} for entry in Entries]}


@dataclass(frozen=True)
class FakeTarget(Target):
    """A target with this queue; its operations answer from `results`, and their calls are recorded."""

    sqs: FakeSqs = field(default_factory=FakeSqs)
    results: dict[str, Any] = field(default_factory=dict)
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def client(self, service: str, settings: Settings = SHORT_CALLS) -> Any:  # noqa: ARG002
        assert service == "sqs"
        return self.sqs

    @cached_property
    def outputs(self) -> Mapping[str, str]:
        return {"QueueUrl": "source", "DeadLetterQueueUrl": "dead"}

    def operate(self, operation: str, **arguments: Any) -> Any:
        self.calls.append((operation, arguments))
        return self.results.get(operation)


def message_of(user_id: str) -> str:
    """Return the body of a message with one invalid interaction of this user."""
    return json.dumps({"version": 1, "interactions": [{"user_id": user_id}]})
