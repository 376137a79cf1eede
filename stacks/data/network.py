"""The VPC of the stores and of the functions that use them."""

from typing import Final, cast

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from stacks.common.nag import acknowledge, acknowledge_zone
from stacks.common.parameters import NetworkParameters
from stacks.common.retention import log_retention, removal_policy
from stacks.config.environment import Environment
from stacks.config.options import Network, ReaderNetwork

_MAX_ZONES: Final = 4
_NAT_ACKNOWLEDGED: Final = {
    "EC26": "its disk is encrypted: cdk-nag does not see the override that says so",
    "EC28": "a value every five minutes is enough for what only forwards packets",
    "EC29": "it holds no data: a new one takes its place",
}


class Vpc(Construct):
    """A VPC without incoming traffic; outgoing traffic is HTTPS only."""

    def __init__(self, scope: Construct, id_: str, *, network: Network, environment: Environment) -> None:
        super().__init__(scope, id_)
        nat = _make_nat_provider(network)
        self.vpc = ec2.Vpc(
            self,
            "Vpc",
            ip_addresses=ec2.IpAddresses.cidr(network.cidr),
            availability_zones=list(network.availability_zones),
            # Without this, a new zone would move the addresses of existing subnets.
            reserved_azs=_MAX_ZONES - len(network.availability_zones),
            nat_gateways=network.nat_gateways,
            nat_gateway_provider=nat,
            subnet_configuration=[
                ec2.SubnetConfiguration(
                    name="public", subnet_type=ec2.SubnetType.PUBLIC, cidr_mask=24, map_public_ip_on_launch=False
                ),
                ec2.SubnetConfiguration(name="private", subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS, cidr_mask=20),
                ec2.SubnetConfiguration(name="stores", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED, cidr_mask=24),
            ],
            # Packages and images come from S3: through a NAT gateway they would cost money.
            gateway_endpoints={"S3": ec2.GatewayVpcEndpointOptions(service=ec2.GatewayVpcEndpointAwsService.S3)},
        )
        self._s3 = cast("ec2.GatewayVpcEndpoint", self.vpc.node.find_child("S3"))
        self._restrict_s3()
        if isinstance(nat, ec2.NatInstanceProviderV2):
            self._guard_nat_instances(nat, network.cidr)
        for subnet in self.vpc.node.find_all():
            if isinstance(subnet, ec2.CfnSubnet):
                acknowledge_zone(subnet)
        self.vpc.add_flow_log(
            "FlowLog",
            destination=ec2.FlowLogDestination.to_cloud_watch_logs(
                logs.LogGroup(
                    self, "FlowLogs", retention=log_retention(environment), removal_policy=removal_policy(environment)
                )
            ),
            # Refused connections only: a log of all traffic costs more than it is worth.
            traffic_type=ec2.FlowLogTrafficType.REJECT,
        )
        for number, reader in enumerate(environment.readers, start=1):
            self._add_routes(f"Reader{number}", reader)
        self.way_out = self.security_group("WayOut", "calls out over HTTPS")
        self.way_out.add_egress_rule(ec2.Peer.any_ipv4(), ec2.Port.HTTPS, "to AWS")

    def _add_routes(self, id_: str, reader: ReaderNetwork) -> None:
        """Let the stores answer a peered network; nothing else here has a route to it."""
        for number, subnet in enumerate(self.vpc.isolated_subnets, start=1):
            ec2.CfnRoute(
                self,
                f"{id_}Zone{number}",
                route_table_id=subnet.route_table.route_table_id,
                destination_cidr_block=reader.cidr,
                vpc_peering_connection_id=reader.peering_connection_id,
            )

    def _guard_nat_instances(self, nat: ec2.NatInstanceProviderV2, cidr: str) -> None:
        """Let NAT instances forward HTTPS of the network, and nothing else."""
        nat.connections.allow_from(ec2.Peer.ipv4(cidr), ec2.Port.HTTPS, "of the network")
        nat.connections.allow_to(ec2.Peer.any_ipv4(), ec2.Port.HTTPS, "to AWS")
        for instance in nat.gateway_instances:
            resource = cast("ec2.CfnInstance", instance.node.default_child)
            disk = {"DeviceName": "/dev/xvda", "Ebs": {"Encrypted": True, "VolumeType": "gp3"}}
            resource.add_property_override("BlockDeviceMappings", [disk])
            acknowledge_zone(resource)
            for rule, because in _NAT_ACKNOWLEDGED.items():
                acknowledge(instance, rule, because=because)

    def _restrict_s3(self) -> None:
        """Let the endpoint read the repositories that the graph's host needs, so that no data leaves by it.

        The names are from aws-samples/data-perimeter-policy-examples (vpc_endpoint_policies/README.md), which cites
        AWS' pages; the ECS agent's is that of AWS' page on installing it.
        """
        region = cdk.Stack.of(self).region
        buckets = [
            f"al2023-repos-{region}-de612dc2",  # packages of Amazon Linux
            f"al2023-{region}",  # its live patches of the kernel
            f"amazon-ecs-agent-{region}",
            f"amazon-ssm-{region}",
            f"amazon-ssm-packages-{region}",
            f"prod-{region}-starport-layer-bucket",  # layers of images in private repositories of ECR
        ]
        self.allow_s3(["s3:GetObject"], *(f"arn:{cdk.Aws.PARTITION}:s3:::{bucket}/*" for bucket in buckets))

    def allow_s3(self, actions: list[str], *resources: str) -> None:
        """Let the endpoint of S3 pass these actions on these objects; callers need the rights, too."""
        self._s3.add_to_policy(
            iam.PolicyStatement(principals=[iam.AnyPrincipal()], actions=actions, resources=[*resources])
        )

    @property
    def s3_endpoint_id(self) -> str:
        """Id of the endpoint by which the network reaches S3."""
        return self._s3.vpc_endpoint_id

    def security_group(self, id_: str, description: str) -> ec2.SecurityGroup:
        """Make a security group that allows nothing, in or out, until a rule is added."""
        group = ec2.SecurityGroup(self, id_, vpc=self.vpc, description=description, allow_all_outbound=False)
        # A group without a rule of its own keeps AWS' default rule, which allows all outgoing traffic.
        group.add_egress_rule(ec2.Peer.ipv4("127.0.0.1/32"), ec2.Port.all_icmp(), "nothing")
        return group

    @property
    def parameters(self) -> NetworkParameters:
        """What the service stack needs to know about it."""
        subnets = self.vpc.select_subnets(subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS)
        return NetworkParameters(
            vpc_id=self.vpc.vpc_id,
            subnet_ids=",".join(subnets.subnet_ids),
            way_out_security_group_id=self.way_out.security_group_id,
        )


def _make_nat_provider(network: Network) -> ec2.NatProvider:
    if network.nat_instance_type is None:
        return ec2.NatProvider.gateway()
    return ec2.NatProvider.instance_v2(
        instance_type=ec2.InstanceType(network.nat_instance_type),
        associate_public_ip_address=True,  # its subnet gives none
        default_allowed_traffic=ec2.NatTrafficDirection.NONE,
    )
