"""The local queues' messages on disk: MiniStack has them in memory, and an answer "ok" promises to keep them.

The running endpoint writes what its queues hold. The next one sets that aside, and `make up` sends it when the queues
are there again. To send it twice does no harm: the ledger stores an interaction once.
"""

import asyncio
import json
import logging
import time
from base64 import b64decode
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from local.component import CloudError
from local.queue_files import DEAD, EARLIER, HELD, WAITING, count, read
from scripts.common.output_files import PRIVATE, replace_file
from scripts.common.target import Target
from scripts.dlq.queue import batches

_LOG: Final = logging.getLogger("queues")
WRITE_SECONDS: Final = 1  # between two writes: what came in since the last is lost if the endpoint is killed
WRITING_SHARE: Final = 20  # long queues: a twentieth of the time goes into writing them


def set_aside(folder: Path) -> None:
    """Add what the endpoint before held to what is to be sent again."""
    if (folder / HELD).exists():
        _write_lines(folder / EARLIER, map(json.dumps, read(folder, EARLIER, HELD)))
        (folder / HELD).unlink()


async def keep_on_disk(folder: Path) -> None:
    """Write what the queues of this process hold whenever it has changed, until cancelled."""
    written: list[str] = []
    while True:
        began = time.monotonic()
        if (ids := [message["id"] for _, message in _held()]) != written and write(folder):
            written = ids
        await asyncio.sleep(max(WRITE_SECONDS, WRITING_SHARE * (time.monotonic() - began)))


def write(folder: Path) -> bool:
    """Write what the queues of this process hold now; return whether the disk has it."""
    lines = [
        json.dumps({"queue": queue, "body": message["body"], "attributes": message["message_attributes"]})
        for queue, message in _held()
    ]
    try:
        if lines:
            _write_lines(folder / HELD, lines)
        else:
            (folder / HELD).unlink(missing_ok=True)
    except OSError as error:
        _LOG.warning("the queues are not on disk: %s", error.strerror)
        return False
    return True


def send_earlier(target: Target, folder: Path) -> Counter[str]:
    """Send what earlier endpoints held to the queues that are deployed now; return how many messages each queue got.

    Raises CloudError if one is refused; then nothing is forgotten.
    """
    messages = read(folder, EARLIER)
    sqs = target.client("sqs")
    for queue in (WAITING, DEAD):
        own = [message for message in messages if message["queue"] == queue]
        for batch in batches(own, size_bytes=lambda message: len(message["body"].encode())):
            entries = [
                {"Id": str(number), "MessageBody": one["body"], "MessageAttributes": _attributes(one["attributes"])}
                for number, one in enumerate(batch)
            ]
            if refused := sqs.send_message_batch(QueueUrl=target.outputs[queue], Entries=entries).get("Failed"):
                raise CloudError(f"the queue refused a message of {folder / EARLIER}: {refused[0]['Message']}")
    (folder / EARLIER).unlink(missing_ok=True)
    return count(messages)


def _held() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each message of this process's queues, those that somebody has received too, with its queue's name."""
    from ministack.services import sqs  # noqa: PLC0415  MiniStack reads its environment when it is imported

    queues = [queue for _, queue in sqs._queues.all_items()]  # noqa: SLF001
    policies = [json.loads(queue["attributes"].get("RedrivePolicy", "{}")) for queue in queues]
    dead = {policy.get("deadLetterTargetArn") for policy in policies}
    for queue in queues:
        name = DEAD if queue["attributes"]["QueueArn"] in dead else WAITING
        for message in list(queue["messages"]):
            yield name, message


def _attributes(attributes: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str | bytes]]:
    """Return message attributes as boto3 takes them; the protocol has binary values in base 64."""
    return {
        name: {part: b64decode(text) if part == "BinaryValue" else text for part, text in value.items()}
        for name, value in attributes.items()
    }


def _write_lines(file: Path, lines: Iterable[str]) -> None:
    with replace_file(file, mode=PRIVATE) as out:
        out.writelines(f"{line}\n" for line in lines)
