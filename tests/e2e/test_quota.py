"""A user's quota in the deployed system."""

import base64
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import requests

from stacks.config.environments import LOCAL
from tests.e2e.conftest import System

Post = Callable[[dict[str, Any]], requests.Response]


def test_above_the_quota_the_answer_is_429_until_midnight(system: System, token: str, post: Post) -> None:
    assert LOCAL.quota
    claims = token.split(".")[1]
    user_id = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["sub"]
    counts = system.target.client("dynamodb")
    functions = system.target.client("lambda").list_functions()["Functions"]
    settings = [function["Environment"]["Variables"] for function in functions if "Environment" in function]
    [table] = {variables["QUOTA_TABLE"] for variables in settings if "QUOTA_TABLE" in variables}
    recall = {"kind": "recall", "timestamp": time.time()}
    assert post(recall).status_code == 200
    key = {"id": {"S": f"{user_id} {datetime.now(UTC).date()}"}}
    assert counts.get_item(TableName=table, Key=key)["Item"]["interactions"]["N"] >= "1"
    used_up = {"interactions": {"N": str(LOCAL.quota.interactions)}, "size_bytes": {"N": "0"}}
    counts.put_item(TableName=table, Item=key | used_up)
    try:
        answer = post(recall)
    finally:
        counts.delete_item(TableName=table, Key=key)
    assert (answer.status_code, answer.json()["status"]) == (429, "retry")
    assert 0 < int(answer.headers["Retry-After"]) <= 24 * 60 * 60
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert post(recall).status_code == 200
