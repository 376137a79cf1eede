"""What one user may post in a day: counted in DynamoDB, with one call for each request."""

import os
from datetime import UTC, datetime, time, timedelta

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib import config
from chalicelib.telemetry import log, measure

# One attempt of half a second: whether a user is within a quota is not worth more of a frontend's time.
_BRIEF = Config(connect_timeout=0.5, read_timeout=0.5, retries={"mode": "standard", "total_max_attempts": 1})
_KEPT = timedelta(days=1)  # after the day has ended; then DynamoDB deletes the count
_ADD = "ADD interactions :interactions, size_bytes :size SET expires_at = :expires"
_WITHIN = "attribute_not_exists(id) OR (interactions <= :interactions_left AND size_bytes <= :size_left)"


class QuotaExceededError(Exception):
    """The user has posted as much as a day allows; nothing was counted."""

    def __init__(self, *, retry_after_seconds: int) -> None:
        """Take the time until the next day."""
        super().__init__("the user's quota for today is used up")
        self.retry_after_seconds = retry_after_seconds


def make_client() -> None:
    """Make DynamoDB's client, if there is a quota."""
    if os.environ.get("QUOTA_TABLE"):
        config.client("dynamodb", _BRIEF)


def spend(user_id: str, *, interactions: int, size_bytes: int, now: datetime) -> None:
    """Count what a user posts on this day (UTC). Raises QuotaExceededError if it is more than the user's quota.

    It fails open: if DynamoDB does not answer within about a second, nothing is raised and `QuotaUnavailable` is
    measured. Without the variable QUOTA_TABLE there is no quota.
    """
    table = os.environ.get("QUOTA_TABLE")
    if not table:
        return
    tomorrow = datetime.combine(now.astimezone(UTC).date() + timedelta(days=1), time(), UTC)
    numbers = {
        ":interactions": interactions,
        ":size": size_bytes,
        ":interactions_left": int(config.setting("QUOTA_INTERACTIONS")) - interactions,
        ":size_left": int(config.setting("QUOTA_BYTES")) - size_bytes,
        ":expires": int((tomorrow + _KEPT).timestamp()),
    }
    try:
        config.client("dynamodb", _BRIEF).update_item(
            TableName=table,
            Key={"id": {"S": f"{user_id} {now.astimezone(UTC).date()}"}},
            UpdateExpression=_ADD,
            ConditionExpression=_WITHIN,
            ExpressionAttributeValues={name: {"N": str(value)} for name, value in numbers.items()},
        )
    except (BotoCoreError, ClientError) as error:
        if isinstance(error, ClientError) and error.response["Error"]["Code"] == "ConditionalCheckFailedException":
            raise QuotaExceededError(retry_after_seconds=int((tomorrow - now).total_seconds()) + 1) from None
        log.warning("quota not counted", reason=str(error))
        measure(QuotaUnavailable=1)
