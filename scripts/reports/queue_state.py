"""How many messages the two queues hold, and for how long the oldest has waited."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from scripts.common.target import Target

_VISIBLE, _HIDDEN, _DELAYED = NAMES = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)


@dataclass(frozen=True)
class QueueState:
    """The messages of a queue now, by SQS's own approximate counts."""

    visible: int
    in_flight: int
    """Received by the worker, or held by a command, and not yet deleted."""
    delayed: int

    @property
    def messages(self) -> int:
        """All of them."""
        return self.visible + self.in_flight + self.delayed


def read_queue(target: Target, output: str) -> QueueState:
    """Return the state of the queue whose URL is this output of the stack: QueueUrl or DeadLetterQueueUrl."""
    answer = target.client("sqs").get_queue_attributes(QueueUrl=target.outputs[output], AttributeNames=list(NAMES))
    return QueueState(*(int(answer["Attributes"][name]) for name in NAMES))


def read_oldest_seconds(target: Target) -> float | None:
    """Return the age of the queue's oldest message in the last minutes; None if CloudWatch has none.

    A local endpoint does not measure it.
    """
    if target.endpoint:
        return None
    now, name = datetime.now(UTC), target.outputs["QueueUrl"].rpartition("/")[2]
    metric = {
        "Namespace": "AWS/SQS",
        "MetricName": "ApproximateAgeOfOldestMessage",
        "Dimensions": [{"Name": "QueueName", "Value": name}],
    }
    answer = target.client("cloudwatch").get_metric_data(
        MetricDataQueries=[{"Id": "age", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Maximum"}}],
        StartTime=now - timedelta(minutes=10),
        EndTime=now,
    )
    [values] = [result["Values"] for result in answer["MetricDataResults"]]
    return float(values[0]) if values else None
