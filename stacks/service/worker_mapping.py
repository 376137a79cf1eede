"""The mapping by which Lambda hands the queue's messages to the worker, in batches."""

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks.config.environment import Environment
from stacks.service.function import Function


def map_queue_to_worker(
    scope: Construct, queue: sqs.IQueue, worker: Function, *, environment: Environment
) -> lambda_.EventSourceMapping:
    """Return the mapping: one failed message does not bring back its batch."""
    mapping = lambda_.EventSourceMapping(
        scope,
        "WorkerMapping",
        target=worker.reference,
        event_source_arn=queue.queue_arn,
        batch_size=environment.worker.batch_size,
        max_batching_window=cdk.Duration.seconds(environment.worker.window_seconds),
        max_concurrency=environment.worker.concurrency,
        report_batch_item_failures=True,
    )
    mapping.node.add_dependency(worker.role)
    return mapping
