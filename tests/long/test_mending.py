"""`make up` finds that what is deployed does not work, though CDK sees nothing to change, and deploys it again."""

import io
import os
import zipfile
from typing import Any

import psycopg
from rich.console import Console

from local.cloud import Cloud
from local.up import up
from scripts.common.target import Target
from tests.waiting import within


def test_a_function_that_lost_its_code_is_deployed_again_and_what_waits_is_kept(cloud: Cloud) -> None:
    output = Console(file=io.StringIO())
    up(cloud, output, print)
    target = Target.local(cloud.environment())
    functions = target.client("lambda")
    [api] = [name for name in _names(functions) if "APIHandler" in name]
    functions.update_function_code(FunctionName=api, ZipFile=_without_code())
    _pause_worker(functions, target.outputs["WorkerMapping"])
    body = '{"version": 1, "interactions": []}'
    target.client("sqs").send_message(QueueUrl=target.outputs["QueueUrl"], MessageBody=body)
    (cloud.folder / "cdk.out" / "synth.lock").write_text(str(os.getpid()))  # as if left by a cdk that was killed

    up(cloud, output, print)

    text = output.file.getvalue()  # type: ignore[attr-defined]
    assert "all of it is deployed again" in text
    assert "Sent again: 1 waiting interaction" in text
    within(30, lambda: _assert_dead_lettered(Target.local(cloud.environment())))
    with psycopg.connect(cloud.environment()["DATABASE_URL"]) as ledger:
        assert ledger.execute("SELECT count(*) FROM interaction").fetchone() == (4,)


def _names(functions: Any) -> list[str]:
    return [function["FunctionName"] for function in functions.list_functions()["Functions"]]


def _without_code() -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("nothing.txt", "")
    return archive.getvalue()


def _pause_worker(functions: Any, mapping: str) -> None:
    functions.update_event_source_mapping(UUID=mapping, Enabled=False)


def _assert_dead_lettered(target: Target) -> None:
    """Look for the message where the worker puts it, because it is not valid."""
    count = "ApproximateNumberOfMessages"
    url = target.outputs["DeadLetterQueueUrl"]
    answer = target.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=[count])
    assert answer["Attributes"][count] == "1"
