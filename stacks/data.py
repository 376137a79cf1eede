"""The stateful stack: whatever people's data lives in."""

import aws_cdk as cdk
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from stacks.environment import Environment
from stacks.handover import Handover
from stacks.queue import InteractionQueue
from stacks.users import Users


class DataStack(cdk.Stack):
    """The users and the queue; leaves for the service stack what it needs to reach them."""

    def __init__(self, scope: Construct, id_: str, *, environment: Environment) -> None:
        super().__init__(scope, id_, termination_protection=environment.protected)
        users = Users(self, "Users", environment=environment)
        queue = InteractionQueue(self, "Interactions", environment=environment)
        topic = sns.Topic(self, "Alarms", enforce_ssl=True)
        if environment.alarm_email:
            topic.add_subscription(subscriptions.EmailSubscription(environment.alarm_email))
        Handover(
            user_pool_arn=users.pool.user_pool_arn,
            user_pool_id=users.pool.user_pool_id,
            user_pool_client_id=users.client.user_pool_client_id,
            queue_arn=queue.source.queue_arn,
            queue_url=queue.source.queue_url,
            dead_letter_queue_arn=queue.dead_letters.queue_arn,
            dead_letter_queue_url=queue.dead_letters.queue_url,
            alarm_topic_arn=topic.topic_arn,
            network=None,
            postgres=None,
            graph=None,
        ).publish(self, environment=environment)
