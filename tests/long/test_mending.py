"""`make up` finds that what is deployed does not work, though CDK sees nothing to change, and deploys it again."""

import io
import os
import zipfile
from typing import Any

import psycopg
import pytest
from rich.console import Console

from local.cloud import Cloud
from local.up import up
from scripts.common.target import Target
from tests.waiting import within

pytestmark = pytest.mark.timeout(2000)  # it deploys three times


def test_a_function_that_lost_its_code_is_deployed_again_and_what_waits_is_kept(cloud: Cloud) -> None:
    output = io.StringIO()
    console = Console(file=output)
    up(cloud, console, print)
    target = Target.local(cloud.environment())
    dead, stored = _count_dead(target), _count_stored(cloud)
    functions = target.client("lambda")
    [api] = [name for name in _names(functions) if "APIHandler" in name]
    functions.update_function_code(FunctionName=api, ZipFile=_without_code())
    functions.update_event_source_mapping(UUID=target.outputs["WorkerMapping"], Enabled=False)
    body = '{"version": 1, "interactions": []}'  # not valid: the worker sends it to the dead-letter queue
    target.client("sqs").send_message(QueueUrl=target.outputs["QueueUrl"], MessageBody=body)
    (cloud.folder / "cdk.out" / "synth.lock").write_text(str(os.getpid()))  # as if left by a cdk that was killed

    up(cloud, console, print)

    assert "all of it is deployed again" in output.getvalue()
    assert "Sent again: 1 waiting interaction" in output.getvalue()
    within(30, lambda: _assert_dead(Target.local(cloud.environment()), dead + 1))
    assert _count_stored(cloud) == stored + 2  # the second example


def _names(functions: Any) -> list[str]:
    return [function["FunctionName"] for function in functions.list_functions()["Functions"]]


def _without_code() -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("nothing.txt", "")
    return archive.getvalue()


def _count_stored(cloud: Cloud) -> int:
    with psycopg.connect(cloud.environment()["DATABASE_URL"]) as ledger:
        [(number,)] = ledger.execute("SELECT count(*) FROM interaction").fetchall()
    return int(number)


def _count_dead(target: Target) -> int:
    count = "ApproximateNumberOfMessages"
    url = target.outputs["DeadLetterQueueUrl"]
    answer = target.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=[count])
    return int(answer["Attributes"][count])


def _assert_dead(target: Target, number: int) -> None:
    assert _count_dead(target) == number
