"""The stateful stack: everything that holds data."""

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from stacks.common.nag import acknowledge
from stacks.common.parameters import StackParameters
from stacks.config.environment import Environment
from stacks.config.options import AuroraPostgres, EcsGraph, Network, RdsPostgres
from stacks.data.aurora import AuroraLedger
from stacks.data.neo4j.service import Neo4j
from stacks.data.network import Vpc
from stacks.data.postgres import Ledger, RdsLedger
from stacks.data.queue import InteractionQueue
from stacks.data.users import pool


class DataStack(cdk.Stack):
    """User pool, queue, network and stores; writes what the service stack needs to know into SSM parameters."""

    def __init__(self, scope: Construct, id_: str, *, environment: Environment) -> None:
        self._environment = environment
        super().__init__(scope, id_, termination_protection=environment.protected)
        self._topic = self._make_topic()
        users = pool(self, environment=environment)
        queue = InteractionQueue(self, "Interactions", environment=environment, topic=self._topic)
        network = self._make_network(environment.network) if environment.network else None
        ledgers = self._make_ledgers(network) if network else {}
        graph = self._make_graph(network, ledgers) if network else None
        in_use = ledgers.get(type(environment.postgres))
        StackParameters(
            user_pool_arn=users.arn,
            user_pool_id=users.id,
            user_pool_client_id=users.client_id,
            queue_arn=queue.source.queue_arn,
            queue_url=queue.source.queue_url,
            dead_letter_queue_arn=queue.dead_letters.queue_arn,
            dead_letter_queue_url=queue.dead_letters.queue_url,
            alarm_topic_arn=self._topic.topic_arn,
            network=network.parameters if network else None,
            postgres=in_use.parameters if in_use else None,
            graph=graph.parameters if graph and isinstance(environment.graph, EcsGraph) else None,
        ).publish(self, environment=environment)

    @property
    def availability_zones(self) -> list[str]:
        """The environment's zones; without this property CDK would ask AWS for them at synth."""
        return list(self._environment.network.availability_zones) if self._environment.network else []

    def _make_topic(self) -> sns.Topic:
        topic = sns.Topic(self, "Alarms", enforce_ssl=True)
        # `enforce_ssl` replaces the default policy, which would let the account's alarms publish.
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": self._environment.account}},
            )
        )
        if self._environment.alarm_email:
            topic.add_subscription(subscriptions.EmailSubscription(self._environment.alarm_email))
        return topic

    def _make_network(self, network: Network) -> Vpc:
        return Vpc(self, "Network", network=network, environment=self._environment)

    def _make_ledgers(self, network: Vpc) -> dict[type, Ledger]:
        """Make the ledger in use and the one in `beside`, if any; each kind has its own id."""
        made: dict[type, Ledger] = {}
        for store in (self._environment.postgres, *self._environment.beside):
            if isinstance(store, RdsPostgres):
                made[RdsPostgres] = RdsLedger(
                    self, "Rds", postgres=store, network=network, environment=self._environment, topic=self._topic
                )
            elif isinstance(store, AuroraPostgres):
                made[AuroraPostgres] = AuroraLedger(
                    self, "Aurora", postgres=store, network=network, environment=self._environment
                )
        if made:
            # A function that CDK adds to set the retention of RDS' logs.
            setter = self.node.find_child("LogRetentionaae0aa3c5b4d4f87b02d85b201efdd8a").node.find_child("ServiceRole")
            managed = "arn:<AWS::Partition>:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
            acknowledge(setter, f"IAM4[Policy::{managed}]", because="CDK's own function: this policy only lets it log")
            acknowledge(
                setter.node.find_child("DefaultPolicy"),
                "IAM5[Resource::*]",
                because="RDS names its log groups, so CDK's function may set the retention of all",
            )
        return made

    def _make_graph(self, network: Vpc, ledgers: dict[type, Ledger]) -> Neo4j | None:
        """Make the graph if it is in use or in `beside`."""
        for store in (self._environment.graph, *self._environment.beside):
            if isinstance(store, EcsGraph):
                return Neo4j(
                    self,
                    "Graph",
                    graph=store,
                    network=network,
                    host_security_groups=self._host_groups(ledgers),
                    environment=self._environment,
                    topic=self._topic,
                )
        return None

    def _host_groups(self, ledgers: dict[type, Ledger]) -> list[ec2.SecurityGroup]:
        """Return the groups with which the graph's host reaches ledgers: for tunnels, and to copy between stores."""
        needed = self._environment.tunnel or self._environment.beside
        return [ledger.client for ledger in ledgers.values()] if needed else []
