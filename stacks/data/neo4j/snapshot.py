"""The nightly snapshot of the graph's volume, taken while Neo4j is stopped."""

from pathlib import Path
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as targets
from aws_cdk import aws_sns as sns
from aws_cdk import aws_stepfunctions as steps
from constructs import Construct

from stacks.common.alarm import add_alarm
from stacks.common.nag import acknowledge
from stacks.common.names import SERVICE
from stacks.common.retention import log_retention, removal_policy
from stacks.config.environment import Environment

_STEPS: Final = Path(__file__).with_suffix(".json")
_TAG: Final = f"{SERVICE}:graph-snapshot-of"


class GraphSnapshot(Construct):
    """Neo4j is stopped for about four minutes, and started again whether the snapshot succeeds or not."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        service: ecs.Ec2Service,
        cluster: ecs.Cluster,
        volume: ec2.Volume,
        kept: int,
        environment: Environment,
        topic: sns.ITopic,
    ) -> None:
        super().__init__(scope, id_)
        owner = cdk.Stack.of(self).stack_name
        substitutions = {
            "Cluster": cluster.cluster_name,
            "Service": service.service_name,
            "Volume": volume.volume_id,
            "Kept": str(kept),
            "Tag": _TAG,
            "Owner": owner,
        }
        machine = self._make_machine(substitutions, environment)
        for statement in self._rights(service, volume, owner):
            machine.add_to_role_policy(statement)
        self._acknowledge(machine)
        scheduler.Schedule(
            self,
            "Nightly",
            schedule=scheduler.ScheduleExpression.cron(hour="0", minute="30"),
            target=targets.StepFunctionsStartExecution(machine, input=scheduler.ScheduleTargetInput.from_object({})),
        )
        add_alarm(
            self,
            "The graph has no snapshot",
            machine.metric_succeeded(period=cdk.Duration.days(1), statistic="Sum"),
            environment=environment,
            topic=topic,
            periods=2,
            below=1,
            missing_is_bad=True,
            id_="SnapshotAlarm",
        )

    def _make_machine(self, substitutions: dict[str, str], environment: Environment) -> steps.StateMachine:
        return steps.StateMachine(
            self,
            "Machine",
            definition_body=steps.DefinitionBody.from_file(str(_STEPS)),
            definition_substitutions=substitutions,
            logs=steps.LogOptions(
                level=steps.LogLevel.ALL,
                destination=logs.LogGroup(
                    self, "Log", retention=log_retention(environment), removal_policy=removal_policy(environment)
                ),
            ),
            tracing_enabled=True,
        )

    def _acknowledge(self, machine: steps.StateMachine) -> None:
        policy = machine.role.node.find_child("DefaultPolicy")
        acknowledge(
            policy, "IAM5[Resource::*]", because="describing snapshots, tracing and log delivery take no resource"
        )
        snapshots = cdk.Stack.of(self).format_arn(service="ec2", account="", resource="snapshot", resource_name="*")
        acknowledge(policy, f"IAM5[Resource::{snapshots}]", because="new ones, and old ones with our tag")

    def _rights(self, service: ecs.Ec2Service, volume: ec2.Volume, owner: str) -> list[iam.PolicyStatement]:
        stack = cdk.Stack.of(self)
        snapshots = stack.format_arn(service="ec2", account="", resource="snapshot", resource_name="*")
        of_volume = stack.format_arn(service="ec2", resource="volume", resource_name=volume.volume_id)
        return [
            iam.PolicyStatement(actions=["ecs:UpdateService", "ecs:DescribeServices"], resources=[service.service_arn]),
            iam.PolicyStatement(actions=["ec2:CreateSnapshot"], resources=[of_volume, snapshots]),
            iam.PolicyStatement(
                actions=["ec2:CreateTags"],
                resources=[snapshots],
                conditions={"StringEquals": {"ec2:CreateAction": "CreateSnapshot"}},
            ),
            iam.PolicyStatement(
                actions=["ec2:DeleteSnapshot"],
                resources=[snapshots],
                conditions={"StringEquals": {f"aws:ResourceTag/{_TAG}": owner}},
            ),
            iam.PolicyStatement(actions=["ec2:DescribeSnapshots"], resources=["*"]),  # takes no resource
        ]
