"""A dead-letter queue on the AWS endpoint, as a test reads it."""

from collections.abc import Mapping
from typing import Any

TRIES = 5


class DeadLetters:
    """The queue. What was read is deleted."""

    def __init__(self, sqs: Any, url: str) -> None:
        self._sqs, self.url = sqs, url

    def must_be(self, reasons: Mapping[str, str], may_be: set[str]) -> None:
        """Hold the queue to what it must have, but for what may be there: each reason, by a word of the body.

        Earlier messages are ignored.
        """
        found: dict[str, str] = {}
        for _ in range(TRIES):
            while messages := self._receive():
                for message in messages:
                    words = [word for word in reasons if word in message["Body"]]
                    found |= dict.fromkeys(words, message["MessageAttributes"]["reason"]["StringValue"])
            if reasons.items() >= found.items() and found.keys() >= reasons.keys() - may_be:
                return
        raise AssertionError(f"the dead letters differ: found {found}, not {reasons}, of which may be {may_be}")

    def _receive(self) -> list[Any]:
        answer = self._sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10, MessageAttributeNames=["All"])
        messages: list[Any] = answer.get("Messages", [])
        if messages:
            entries = [{"Id": str(n), "ReceiptHandle": one["ReceiptHandle"]} for n, one in enumerate(messages)]
            self._sqs.delete_message_batch(QueueUrl=self.url, Entries=entries)
        return messages
