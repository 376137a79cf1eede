"""Neo4j's importer on the graph's host, for an offline rebuild: bucket, task and state machine."""

import shlex
from pathlib import Path
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_stepfunctions as steps
from constructs import Construct

from chalicelib.graph import importing
from stacks.common.nag import acknowledge
from stacks.common.retention import log_retention, removal_policy
from stacks.config.environment import Environment
from stacks.config.options import EcsGraph
from stacks.data.neo4j.host import READY
from stacks.data.neo4j.task import container_memory_mib, image, mount
from stacks.data.network import Vpc

_STEPS: Final = Path(__file__).with_name("import.json")
_SCRIPT: Final = Path(__file__).with_name("import.sh")
_USER: Final = "7474:7474"  # the image's `neo4j`, who owns the volume's folders


class GraphImport(Construct):
    """Nothing runs until a command starts the machine; Neo4j is stopped then, and started again whatever happens."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        graph: EcsGraph,
        service: ecs.Ec2Service,
        cluster: ecs.Cluster,
        network: Vpc,
        environment: Environment,
    ) -> None:
        super().__init__(scope, id_)
        self._environment = environment
        self.bucket = self._make_bucket(network)
        task = self._make_task(graph)
        subnets = network.vpc.select_subnets(
            subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS, availability_zones=[graph.availability_zone]
        )
        substitutions = {
            "Cluster": cluster.cluster_name,
            "Service": service.service_name,
            "Task": task.task_definition_arn,
            "Subnet": subnets.subnet_ids[0],
            "SecurityGroup": network.way_out.security_group_id,
        }
        self.machine = self._make_machine(substitutions)
        self._grant(service, cluster, task)

    def _make_bucket(self, network: Vpc) -> s3.Bucket:
        """Make the bucket of the ledger's files, which only the network reads, and which keeps nothing."""
        bucket = s3.Bucket(
            self,
            "Files",
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            lifecycle_rules=[s3.LifecycleRule(expiration=cdk.Duration.days(1))],
            removal_policy=removal_policy(self._environment),
        )
        # A signed address is no use elsewhere.
        bucket.add_to_resource_policy(
            iam.PolicyStatement(
                effect=iam.Effect.DENY,
                principals=[iam.AnyPrincipal()],
                actions=["s3:GetObject"],
                resources=[bucket.arn_for_objects("*")],
                conditions={"StringNotEquals": {"aws:SourceVpce": network.s3_endpoint_id}},
            )
        )
        network.allow_s3(["s3:DeleteObject", "s3:GetObject", "s3:PutObject"], bucket.arn_for_objects("*"))
        acknowledge(bucket, "S1", because="CloudWatch logs who starts an import, and the files are gone after it")
        return bucket

    def _make_task(self, graph: EcsGraph) -> ecs.Ec2TaskDefinition:
        """Make the task; it has no right but to write its log."""
        memory_mib = container_memory_mib(graph)
        task = ecs.Ec2TaskDefinition(
            self,
            "Task",
            network_mode=ecs.NetworkMode.AWS_VPC,
            placement_constraints=[ecs.PlacementConstraint.member_of(f"attribute:{READY[0]} == {READY[1]}")],
        )
        options = f"--max-off-heap-memory={memory_mib // 2}m"
        script = _SCRIPT.read_text().replace("@ARGUMENTS@", f"{shlex.join(importing.arguments())} {options}")
        parameters = ecs.LinuxParameters(self, "LinuxParameters")
        parameters.drop_capabilities(ecs.Capability.ALL)
        container = task.add_container(
            "import",
            image=image(),
            entry_point=["bash", "-c"],
            command=[script],
            user=_USER,
            # As much as Neo4j has: that is more than half of the host's, so that ECS never runs both.
            memory_limit_mib=memory_mib,
            environment={
                "HEAP_SIZE": f"{memory_mib // 4}m",
                "FILES_AT": rf"^https://{self.bucket.bucket_name}\.s3(\.[a-z0-9-]+)?\.amazonaws\.com/",
            },
            logging=ecs.LogDrivers.aws_logs(stream_prefix="import", log_group=self._make_log("TaskLog")),
            linux_parameters=parameters,
        )
        container.add_ulimits(ecs.Ulimit(name=ecs.UlimitName.NOFILE, soft_limit=60000, hard_limit=60000))
        mount(task, container, {"data": "/data", "logs": "/logs"})
        acknowledge(task, "ECS2", because="its variables are the size of Java's heap and the bucket's address")
        return task

    def _make_log(self, id_: str) -> logs.LogGroup:
        return logs.LogGroup(
            self, id_, retention=log_retention(self._environment), removal_policy=removal_policy(self._environment)
        )

    def _make_machine(self, substitutions: dict[str, str]) -> steps.StateMachine:
        machine = steps.StateMachine(
            self,
            "Machine",
            definition_body=steps.DefinitionBody.from_file(str(_STEPS)),
            definition_substitutions=substitutions,
            logs=steps.LogOptions(
                level=steps.LogLevel.ALL,
                include_execution_data=False,  # it has a signed address
                destination=self._make_log("Log"),
            ),
            tracing_enabled=True,
        )
        acknowledge(
            machine.role.node.find_child("DefaultPolicy"),
            "IAM5[Resource::*]",
            because="tracing and log delivery take no resource",
        )
        return machine

    def _grant(self, service: ecs.Ec2Service, cluster: ecs.Cluster, task: ecs.Ec2TaskDefinition) -> None:
        tasks = cdk.Stack.of(self).format_arn(service="ecs", resource="task", resource_name="*")
        own = {"ArnEquals": {"ecs:cluster": cluster.cluster_arn}}
        for statement in (
            iam.PolicyStatement(actions=["ecs:UpdateService", "ecs:DescribeServices"], resources=[service.service_arn]),
            iam.PolicyStatement(actions=["ecs:RunTask"], resources=[task.task_definition_arn], conditions=own),
            iam.PolicyStatement(actions=["ecs:DescribeTasks", "ecs:StopTask"], resources=[tasks], conditions=own),
            iam.PolicyStatement(
                actions=["iam:PassRole"],
                resources=[task.task_role.role_arn, task.obtain_execution_role().role_arn],
                conditions={"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
            ),
        ):
            self.machine.add_to_role_policy(statement)
        acknowledge(
            self.machine.role.node.find_child("DefaultPolicy"),
            f"IAM5[Resource::{tasks}]",
            because="only of this cluster; ids of tasks are not known",
        )
