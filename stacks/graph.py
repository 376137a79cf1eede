"""The graph's Neo4j: one task on one host, never two on one store."""

from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secrets
from aws_cdk import aws_servicediscovery as discovery
from constructs import Construct

from stacks.environment import Environment
from stacks.graph_host import MOUNT, READY, GraphHost
from stacks.graph_snapshot import GraphSnapshot
from stacks.handover import GraphHandover
from stacks.lifetime import log_retention, removal_policy
from stacks.network import Vpc
from stacks.settings import EcsGraph

_IMAGE: Final = "public.ecr.aws/docker/library/neo4j:5.26.30-community"  # the laptop's version
_BOLT: Final = 7687
_BESIDE_MEMORY: Final = 1024  # MiB of the container for what is neither heap nor page cache
# The image takes a login as one word, and writes every other NEO4J_ variable into its configuration.
_START: Final = 'NEO4J_AUTH="neo4j/$PASSWORD" exec env --unset=PASSWORD tini -g -- /startup/docker-entrypoint.sh neo4j'
_HEALTH: Final = "wget --quiet --timeout=4 --tries=1 --output-document=/dev/null http://localhost:7474"


class Neo4j(Construct):
    """Only wearers of `client` reach it, over TLS; its volume outlives its host, its stack and a wrong deploy."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        graph: EcsGraph,
        network: Vpc,
        host_reaches: list[ec2.SecurityGroup],
        environment: Environment,
    ) -> None:
        super().__init__(scope, id_)
        self._environment = environment
        self.client = network.security_group(f"{id_}Client", "reaches the graph")
        # Its address must stay: with another one CloudFormation would make another password.
        domain = f"{environment.name}.interaction-tracker.internal"
        self.secret = _login(self, f"bolt://graph.{domain}:{_BOLT}", environment)
        self.host = GraphHost(
            self,
            "Host",
            graph=graph,
            network=network,
            reaches=[network.way_out, self.client, *host_reaches],
            secret=self.secret,
            host_name=f"graph.{domain}",
            environment=environment,
        )
        self.cluster = ecs.Cluster(self, "Cluster", vpc=network.vpc)
        capacity = ecs.AsgCapacityProvider(
            self,
            "Capacity",
            auto_scaling_group=self.host.group,
            enable_managed_scaling=False,
            enable_managed_termination_protection=False,
            enable_managed_draining=True,  # a host that goes lets Neo4j stop first
        )
        self.cluster.add_asg_capacity_provider(capacity)
        names = discovery.PrivateDnsNamespace(self, "Names", name=domain, vpc=network.vpc)
        self.service = self._make_service(self._make_task(graph), graph, network, capacity, names)
        snapshot = GraphSnapshot(
            self,
            "Snapshot",
            service=self.service,
            cluster=self.cluster,
            volume=self.host.volume,
            kept=graph.snapshots_kept,
            environment=environment,
        )
        self.alarms = (self._make_alarm(), snapshot.alarm)
        self.handover = GraphHandover(
            graph_client_security_group_id=self.client.security_group_id,
            graph_secret_arn=self.secret.secret_arn,
            graph_cluster_name=self.cluster.cluster_name,
            graph_service_name=self.service.service_name,
            graph_auto_scaling_group_name=self.host.group.auto_scaling_group_name,
        )

    def _make_alarm(self) -> cloudwatch.Alarm:
        """Tell when no task has run for ten minutes, the nightly snapshot's included."""
        return self.service.metric_cpu_utilization(
            period=cdk.Duration.minutes(1), statistic="SampleCount"
        ).create_alarm(
            self,
            "AwayAlarm",
            alarm_description="The graph has been away for ten minutes.",
            threshold=1,
            comparison_operator=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
            evaluation_periods=10,
            treat_missing_data=cloudwatch.TreatMissingData.BREACHING,
        )

    def _make_task(self, graph: EcsGraph) -> ecs.Ec2TaskDefinition:
        task = ecs.Ec2TaskDefinition(self, "Task", network_mode=ecs.NetworkMode.AWS_VPC)
        log = logs.LogGroup(
            self,
            "Log",
            retention=log_retention(self._environment),
            removal_policy=removal_policy(self._environment),
        )
        memory = graph.host_memory * 7 // 8 - 512  # the rest is the system's and the agents'
        container = task.add_container(
            "neo4j",
            image=ecs.ContainerImage.from_registry(_IMAGE),
            entry_point=["bash", "-c"],
            command=[_START],
            memory_limit_mib=memory,
            environment=_configuration(memory),
            secrets={"PASSWORD": ecs.Secret.from_secrets_manager(self.secret, "password")},
            logging=ecs.LogDrivers.aws_logs(stream_prefix="neo4j", log_group=log),
            stop_timeout=cdk.Duration.seconds(120),
            health_check=ecs.HealthCheck(
                command=["CMD-SHELL", f"{_HEALTH} || exit 1"],
                # Ten minutes, since recovery of a large store takes some; a frozen one is noticed in five.
                interval=cdk.Duration.seconds(30),
                timeout=cdk.Duration.seconds(5),
                retries=10,
                start_period=cdk.Duration.seconds(300),
            ),
            port_mappings=[ecs.PortMapping(container_port=_BOLT)],
        )
        container.add_ulimits(ecs.Ulimit(name=ecs.UlimitName.NOFILE, soft_limit=60000, hard_limit=60000))
        for name, inside, read_only in (("data", "/data", False), ("certificates", "/ssl", True)):
            task.add_volume(name=name, host=ecs.Host(source_path=f"{MOUNT}/{name}"))
            container.add_mount_points(ecs.MountPoint(source_volume=name, container_path=inside, read_only=read_only))
        return task

    def _make_service(
        self,
        task: ecs.Ec2TaskDefinition,
        graph: EcsGraph,
        network: Vpc,
        capacity: ecs.AsgCapacityProvider,
        names: discovery.INamespace,
    ) -> ecs.Ec2Service:
        server = network.security_group(f"{self.node.id}Server", "the graph")
        self.client.connections.allow_to(server, ec2.Port.tcp(_BOLT), "Bolt")
        service = ecs.Ec2Service(
            self,
            "Service",
            cluster=self.cluster,
            task_definition=task,
            desired_count=1,
            # The old one is gone before the new one comes, and no other zone is tried.
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
        service.node.add_dependency(self.cluster)  # with the capacity that is joined to it
        return service


def _login(scope: Construct, uri: str, environment: Environment) -> secrets.Secret:
    """Make a secret with a password of its own; the host adds the certificate."""
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


def _configuration(memory: int) -> dict[str, str]:
    """Return Neo4j's settings under the names by which its image knows them."""
    heap = memory // 3
    settings = {
        "server.memory.heap.initial_size": f"{heap}m",
        "server.memory.heap.max_size": f"{heap}m",
        "server.memory.pagecache.size": f"{memory - heap - _BESIDE_MEMORY}m",
        # A client that vanished holds locks: it is noticed after seconds.
        "server.bolt.connection_keep_alive": "3s",
        "server.bolt.connection_keep_alive_probes": "1",
        "db.transaction.timeout": "60s",
        "server.bolt.tls_level": "REQUIRED",
        "dbms.ssl.policy.bolt.enabled": "true",
        "dbms.ssl.policy.bolt.base_directory": "/ssl/bolt",
        "dbms.ssl.policy.bolt.client_auth": "NONE",
        # For the health check alone.
        "server.http.listen_address": "localhost:7474",
        "dbms.usage_report.enabled": "false",
    }
    return {f"NEO4J_{name.replace('_', '__').replace('.', '_')}": value for name, value in settings.items()}
