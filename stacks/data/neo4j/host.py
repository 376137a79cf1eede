"""The EC2 instance of the graph, in one zone, and its volume, which is kept when the instance goes."""

from pathlib import Path
from typing import Final, cast

import aws_cdk as cdk
from aws_cdk import aws_autoscaling as autoscaling
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_secretsmanager as secrets
from constructs import Construct

from stacks.common.nag import acknowledge, acknowledge_zone
from stacks.common.names import GRAPH_HOST_NAMESPACE, GRAPH_HOST_TAG, graph_host_name
from stacks.common.retention import removal_policy
from stacks.config.environment import Environment
from stacks.config.options import EcsGraph
from stacks.data.network import Vpc

MOUNT: Final = "/srv/graph"  # host.sh mounts the volume there
READY: Final = ("graph-volume", "mounted")
"""ECS attribute that host.sh gives the instance once its volume is mounted."""
_SETUP: Final = Path(__file__).with_name("host.sh")


class GraphHost(Construct):
    """An ECS instance that attaches the volume when it starts, and runs no task without it."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        graph: EcsGraph,
        network: Vpc,
        security_groups: list[ec2.SecurityGroup],
        secret: secrets.Secret,
        environment: Environment,
    ) -> None:
        super().__init__(scope, id_)
        self._environment = environment
        self.volume = self._make_volume(graph)
        self.role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"))
        user_data = ec2.UserData.for_linux()
        template = self._make_template(graph, user_data, security_groups)
        self.group = self._make_group(graph, network, template)
        # The script names the group, and the group's template contains the script: CDK renders it last.
        user_data.add_commands(self._setup(secret))
        cdk.Tags.of(self.group).add(GRAPH_HOST_TAG, cdk.Stack.of(self).stack_name)
        self._grant(secret)

    def _make_volume(self, graph: EcsGraph) -> ec2.Volume:
        volume = ec2.Volume(
            self,
            "Volume",
            availability_zone=graph.availability_zone,
            size=cdk.Size.gibibytes(graph.storage_gib),
            snapshot_id=graph.snapshot,
            volume_type=ec2.EbsDeviceVolumeType.GP3,
            encrypted=True,
            removal_policy=removal_policy(self._environment),
        )
        acknowledge_zone(volume.node.default_child or volume)
        return volume

    def _setup(self, secret: secrets.Secret) -> str:
        """Return host.sh, without its first line, with this host's values filled in."""
        setup = _SETUP.read_text().partition("\n")[2]
        stack = cdk.Stack.of(self)
        for word, value in {
            "@STACK@": stack.stack_name,
            "@GROUP@": stack.get_logical_id(cast("cdk.CfnElement", self.group.node.default_child)),
            "@VOLUME@": self.volume.volume_id,
            "@SECRET@": secret.secret_arn,
            "@NAME@": graph_host_name(self._environment.name),
            "@REGION@": self._environment.region,
            "@NAMESPACE@": GRAPH_HOST_NAMESPACE,
        }.items():
            setup = setup.replace(word, value)
        return setup

    def _make_template(
        self, graph: EcsGraph, user_data: ec2.UserData, security_groups: list[ec2.SecurityGroup]
    ) -> ec2.LaunchTemplate:
        instance_type = ec2.InstanceType(graph.instance_type)
        arm = instance_type.architecture == ec2.InstanceArchitecture.ARM_64
        system = ec2.BlockDeviceVolume.ebs(30, encrypted=True, volume_type=ec2.EbsDeviceVolumeType.GP3)
        template = ec2.LaunchTemplate(
            self,
            "Template",
            instance_type=instance_type,
            # The newest when an instance starts; a deploy does not replace a running one.
            machine_image=ecs.EcsOptimizedImage.amazon_linux2023(
                ecs.AmiHardwareType.ARM if arm else ecs.AmiHardwareType.STANDARD
            ),
            role=self.role,
            security_group=security_groups[0],
            require_imdsv2=True,
            http_put_response_hop_limit=1,  # not from containers; see ECS_AWSVPC_BLOCK_IMDS in host.sh
            detailed_monitoring=True,  # one value a minute
            ebs_optimized=True,
            block_devices=[ec2.BlockDevice(device_name="/dev/xvda", volume=system)],
            user_data=user_data,
        )
        for security_group in security_groups[1:]:
            template.add_security_group(security_group)
        return template

    def _make_group(self, graph: EcsGraph, network: Vpc, template: ec2.LaunchTemplate) -> autoscaling.AutoScalingGroup:
        subnets = network.vpc.select_subnets(
            subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS, availability_zones=[graph.availability_zone]
        )
        group = autoscaling.AutoScalingGroup(
            self,
            "Group",
            vpc=network.vpc,
            vpc_subnets=ec2.SubnetSelection(subnets=subnets.subnets),
            launch_template=template,
            # Never two: there is one volume.
            min_capacity=1,
            max_capacity=1,
            # The ECS service is made after the group, and its circuit breaker counts the time without a host.
            signals=autoscaling.Signals.wait_for_count(1, timeout=cdk.Duration.minutes(15)),
        )
        # host.sh needs the internet as soon as the instance starts.
        group.node.add_dependency(subnets.internet_connectivity_established, network.vpc.node.find_child("S3"))
        return group

    def _grant(self, secret: secrets.Secret) -> None:
        stack = cdk.Stack.of(self)
        instances = stack.format_arn(service="ec2", resource="instance", resource_name="*")
        volume = stack.format_arn(service="ec2", resource="volume", resource_name=self.volume.volume_id)
        groups = stack.format_arn(
            service="autoscaling",
            resource="autoScalingGroup",
            resource_name="*:autoScalingGroupName/*",
            arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
        )
        own = {"StringEquals": {f"aws:ResourceTag/{GRAPH_HOST_TAG}": stack.stack_name}}
        for statement in (
            # To write the certificate into it.
            iam.PolicyStatement(
                actions=["secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue"],
                resources=[secret.secret_arn],
            ),
            iam.PolicyStatement(actions=["ec2:AttachVolume", "ec2:DetachVolume"], resources=[volume]),
            # The id of an instance is not known at deploy; its tag is. The group's name would be a circle.
            iam.PolicyStatement(
                actions=["ec2:AttachVolume", "ec2:DetachVolume"], resources=[instances], conditions=own
            ),
            iam.PolicyStatement(actions=["autoscaling:SetInstanceHealth"], resources=[groups], conditions=own),
            iam.PolicyStatement(actions=["cloudformation:SignalResource"], resources=[stack.stack_id]),
            # These actions take no resource: to describe volumes, and to be reached by Session Manager.
            iam.PolicyStatement(
                actions=[
                    "ec2:DescribeVolumes",
                    "ssm:UpdateInstanceInformation",
                    "ssmmessages:CreateControlChannel",
                    "ssmmessages:CreateDataChannel",
                    "ssmmessages:OpenControlChannel",
                    "ssmmessages:OpenDataChannel",
                ],
                resources=["*"],
            ),
            iam.PolicyStatement(
                actions=["cloudwatch:PutMetricData"],
                resources=["*"],  # takes none; the condition names the namespace
                conditions={"StringEquals": {"cloudwatch:namespace": GRAPH_HOST_NAMESPACE}},
            ),
            # CDK lets a host of ECS write every log. The tasks write theirs with roles of their own.
            iam.PolicyStatement(effect=iam.Effect.DENY, actions=["logs:*"], resources=["*"]),
        ):
            self.role.add_to_policy(statement)
        policy = self.role.node.find_child("DefaultPolicy")
        acknowledge(policy, "IAM5[Resource::*]", because="actions that take no resource, each named above")
        for tagged in (instances, groups):
            acknowledge(policy, f"IAM5[Resource::{tagged}]", because="only what has this stack's tag")
        acknowledge(policy, "IAM5[Action::ecs:Submit*]", because="the ECS agent's, as CDK grants it, on this cluster")
        acknowledge(self.group, "AS3", because="the alarm on a missing graph is what an operator needs to know")
