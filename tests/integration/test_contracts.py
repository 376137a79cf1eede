"""The real queue and the real ledger keep the contracts that the fakes keep."""

import uuid
from collections.abc import Callable, Iterator

import boto3
import psycopg
import pytest

from chalicelib import config
from chalicelib.interaction import Interaction
from chalicelib.queue import SqsQueue
from local.cloud import Cloud
from tests.contracts import LedgerContract, QueueContract
from tests.samples import interaction


class TestSqsQueue(QueueContract):
    @pytest.fixture
    def queue(self, cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[SqsQueue]:
        for name, value in cloud.environment().items():
            monkeypatch.setenv(name, value)
        config.client.cache_clear()
        yield SqsQueue(boto3.client("sqs").create_queue(QueueName=f"contract-{uuid.uuid4()}")["QueueUrl"])
        config.client.cache_clear()

    @pytest.fixture
    def received(self, queue: SqsQueue) -> Callable[[], list[str]]:
        return lambda: [
            message["Body"] for message in boto3.client("sqs").receive_message(QueueUrl=queue.url).get("Messages", [])
        ]

    @pytest.fixture(params=["missing", "refusing"])
    def unavailable_queue(
        self, queue: SqsQueue, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
    ) -> SqsQueue:
        if request.param == "missing":
            return SqsQueue(queue.url + "-missing")
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        config.client.cache_clear()
        return queue


class TestPostgresLedger(LedgerContract):
    @pytest.fixture
    def stored_ids(self, sql: psycopg.Connection) -> Callable[[], set[str]]:
        return lambda: {str(id_) for (id_,) in sql.execute("SELECT id FROM interaction")}

    @pytest.fixture
    def refused(self) -> Interaction:
        # Past the model, as a fault of ours would let it: jsonb holds no NUL.
        return interaction("keep", artifact_id="a").model_copy(update={"metadata": {"a": "\0"}})
