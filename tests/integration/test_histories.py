"""Histories made at random, judged by an oracle that shares no code with the product. `make test-long` makes 20,000."""

import os
import time
from collections.abc import Iterator
from typing import Any

import boto3
import hypothesis
import neo4j
import psycopg
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from local.cloud import Cloud
from tests.histories.dead_letters import DeadLetters
from tests.histories.machine import ACTORS, GROUPS, History
from tests.histories.pool import Pool, Process, Setting
from tests.histories.stores import Stores

HISTORIES = int(os.environ.get("HISTORIES", "500"))
SEED = int(os.environ.get("SEED", "15"))
BLOCK = 500  # histories of one seed, so that a block can be repeated without those before it
STEPS = 12 if HISTORIES > BLOCK else 8


@pytest.fixture
def pool(cloud: Cloud, stores: dict[str, Any], sql: psycopg.Connection, cypher: neo4j.Session) -> Iterator[Pool]:
    environment = {name: value for name, value in cloud.environment().items() if name.startswith("AWS_")}
    sqs = boto3.client(
        "sqs",
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        region_name=environment["AWS_REGION"],
    )
    url = sqs.create_queue(QueueName="histories-dead")["QueueUrl"]
    setting = Setting(environment, stores, url)
    servers = {name: cloud.pid(name) for name in ("postgres", "neo4j")}
    pool = Pool([Process(number, setting) for number in range(ACTORS)], Stores(sql, cypher, servers))
    History.pool, History.dead_letters = pool, DeadLetters(sqs, url)
    yield pool
    for process in pool.processes:
        process.kill()


@pytest.mark.timeout(86_400)
def test_what_was_accepted_is_kept_and_drawn_whatever_happens(pool: Pool) -> None:
    began = time.monotonic()
    for seed in range(SEED, SEED + -(-HISTORIES // BLOCK)):
        print(f"{BLOCK} histories, seed {seed}", flush=True)  # noqa: T201
        run_state_machine_as_test(
            hypothesis.seed(seed)(History),
            settings=settings(
                max_examples=BLOCK // GROUPS,
                stateful_step_count=STEPS,
                deadline=None,
                database=None,
                print_blob=True,
                suppress_health_check=list(HealthCheck),
                phases=[Phase.generate] if HISTORIES > BLOCK else [Phase.generate, Phase.shrink],
            ),
        )
    print(f"{time.monotonic() - began:.0f} s: {History.counts}")  # noqa: T201
