"""Neo4j on ECS: one task on one host; never two tasks on one store."""

from typing import cast

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_secretsmanager as secrets
from aws_cdk import aws_servicediscovery as discovery
from aws_cdk import aws_sns as sns
from constructs import Construct

from stacks.common.alarm import add_alarm
from stacks.common.nag import acknowledge
from stacks.common.names import BOLT, graph_host_name, private_domain
from stacks.common.parameters import GraphParameters
from stacks.common.retention import removal_policy
from stacks.config.environment import Environment
from stacks.config.options import EcsGraph
from stacks.data.neo4j.host import READY, GraphHost
from stacks.data.neo4j.importer import GraphImport
from stacks.data.neo4j.snapshot import GraphSnapshot
from stacks.data.neo4j.task import neo4j_task
from stacks.data.network import Vpc


class Neo4j(Construct):
    """Only members of `client` connect to it, over TLS; its volume is kept when its host, task or stack is removed."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        graph: EcsGraph,
        network: Vpc,
        host_security_groups: list[ec2.SecurityGroup],
        environment: Environment,
        topic: sns.ITopic,
    ) -> None:
        super().__init__(scope, id_)
        self.client = network.security_group(f"{id_}Client", "reaches the graph")
        # The address is part of the template of the password: another address would make another password.
        self.secret = _login(self, f"bolt://{graph_host_name(environment.name)}:{BOLT}", environment)
        self.host = GraphHost(
            self,
            "Host",
            graph=graph,
            network=network,
            security_groups=[network.way_out, self.client, *host_security_groups],
            secret=self.secret,
            environment=environment,
        )
        self.cluster = ecs.Cluster(self, "Cluster", vpc=network.vpc)
        capacity = self._make_capacity()
        names = discovery.PrivateDnsNamespace(self, "Names", name=private_domain(environment.name), vpc=network.vpc)
        task = neo4j_task(self, graph=graph, secret=self.secret, environment=environment)
        self.service = self._make_service(task, graph, network, capacity, names)
        GraphSnapshot(
            self,
            "Snapshot",
            service=self.service,
            cluster=self.cluster,
            volume=self.host.volume,
            kept=graph.snapshots_kept,
            environment=environment,
            topic=topic,
        )
        imports = GraphImport(
            self,
            "Import",
            graph=graph,
            service=self.service,
            cluster=self.cluster,
            network=network,
            environment=environment,
        )
        self._add_alarm(environment, topic)
        acknowledge(
            self.secret, "SMG4", because="Neo4j stores its password itself: docs/operations.md says how to rotate it"
        )
        acknowledge(self.cluster, "ECS4", because="one container: ECS' metrics and the host's agent cover it")
        self.parameters = GraphParameters(
            graph_client_security_group_id=self.client.security_group_id,
            graph_secret_arn=self.secret.secret_arn,
            graph_cluster_name=self.cluster.cluster_name,
            graph_service_name=self.service.service_name,
            graph_auto_scaling_group_name=self.host.group.auto_scaling_group_name,
            graph_import_bucket_name=imports.bucket.bucket_name,
            graph_import_machine_arn=imports.machine.state_machine_arn,
        )

    def _make_capacity(self) -> ecs.AsgCapacityProvider:
        capacity = ecs.AsgCapacityProvider(
            self,
            "Capacity",
            auto_scaling_group=self.host.group,
            enable_managed_scaling=False,
            enable_managed_termination_protection=False,
            enable_managed_draining=True,  # Neo4j is stopped before its host is
        )
        self.cluster.add_asg_capacity_provider(capacity)
        return capacity

    def _add_alarm(self, environment: Environment, topic: sns.ITopic) -> None:
        add_alarm(
            self,
            "The graph is away",
            # Memory, not CPU: ECS measures CPU against a reservation, and this container has none.
            self.service.metric_memory_utilization(period=cdk.Duration.minutes(1), statistic="SampleCount"),
            environment=environment,
            topic=topic,
            periods=10,  # longer than the pause of the nightly snapshot
            below=1,
            missing_is_bad=True,
            id_="AwayAlarm",
        )

    def _make_service(
        self,
        task: ecs.Ec2TaskDefinition,
        graph: EcsGraph,
        network: Vpc,
        capacity: ecs.AsgCapacityProvider,
        names: discovery.INamespace,
    ) -> ecs.Ec2Service:
        server = network.security_group(f"{self.node.id}Server", "the graph")
        self.client.connections.allow_to(server, ec2.Port.tcp(BOLT), "Bolt")
        service = ecs.Ec2Service(
            self,
            "Service",
            cluster=self.cluster,
            task_definition=task,
            desired_count=1,
            # The old task stops before the new one starts, and no other zone is tried.
            min_healthy_percent=0,
            max_healthy_percent=100,
            availability_zone_rebalancing=ecs.AvailabilityZoneRebalancing.DISABLED,
            capacity_provider_strategies=[
                ecs.CapacityProviderStrategy(capacity_provider=capacity.capacity_provider_name, weight=1)
            ],
            placement_constraints=[ecs.PlacementConstraint.member_of(f"attribute:{READY[0]} == {READY[1]}")],
            circuit_breaker=ecs.DeploymentCircuitBreaker(rollback=True),
            security_groups=[server],
            vpc_subnets=ec2.SubnetSelection(
                subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS, availability_zones=[graph.availability_zone]
            ),
            cloud_map_options=ecs.CloudMapOptions(
                cloud_map_namespace=names,
                name="graph",
                dns_record_type=discovery.DnsRecordType.A,
                dns_ttl=cdk.Duration.seconds(10),
            ),
        )
        # ECS counts a task without a host as failed: the default, 3, is reached before a new host is ready.
        cast("ecs.CfnService", service.node.default_child).add_property_override(
            "DeploymentConfiguration.DeploymentCircuitBreaker.ThresholdConfiguration", {"Type": "COUNT", "Value": 60}
        )
        service.node.add_dependency(self.cluster)  # and so on the association of its capacity provider
        return service


def _login(scope: Construct, uri: str, environment: Environment) -> secrets.Secret:
    """Make the secret with a generated password; the host adds the certificate."""
    return secrets.Secret(
        scope,
        "Login",
        description="uri, username, password and certificate of the graph",
        generate_secret_string=secrets.SecretStringGenerator(
            secret_string_template=cdk.Stack.of(scope).to_json_string({"uri": uri, "username": "neo4j"}),
            generate_string_key="password",
            exclude_punctuation=True,
            password_length=32,
        ),
        removal_policy=removal_policy(environment),
    )
