"""The queue between the API and the worker, and its dead-letter queue."""

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks.common.alarm import add_alarm
from stacks.common.retention import removal_policy
from stacks.config.environment import Environment


class InteractionQueue(Construct):
    """A queue that keeps messages through an outage of Postgres, its dead-letter queue, and the alarm on the latter."""

    def __init__(self, scope: Construct, id_: str, *, environment: Environment, topic: sns.ITopic) -> None:
        super().__init__(scope, id_)
        self.dead_letters = sqs.Queue(
            self,
            "DeadLetters",
            # The longest that SQS offers. A dead letter keeps the time at which it was first sent, so this must exceed
            # the source's retention by the days that an operator needs.
            retention_period=cdk.Duration.days(14),
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            removal_policy=removal_policy(environment),
        )
        self.source = sqs.Queue(
            self,
            "Source",
            retention_period=cdk.Duration.days(7),
            visibility_timeout=cdk.Duration.seconds(environment.worker.visibility_seconds),
            dead_letter_queue=sqs.DeadLetterQueue(queue=self.dead_letters, max_receive_count=environment.max_receives),
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            removal_policy=removal_policy(environment),
        )
        add_alarm(
            self,
            "Interactions are dead-lettered",
            self.dead_letters.metric_approximate_number_of_messages_visible(
                period=cdk.Duration.minutes(1), statistic=cloudwatch.Stats.MAXIMUM
            ),
            environment=environment,
            topic=topic,
            periods=1,
            above=0,
            id_="DeadLetterAlarm",
        )
