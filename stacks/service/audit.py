"""CloudTrail's record of who called operations, used dead-lettered messages, or sent to the queue past the API."""

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_cloudtrail as cloudtrail
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks.common.nag import acknowledge
from stacks.common.names import display_name
from stacks.config.environment import Environment

_Selector = cloudtrail.CfnTrail.AdvancedEventSelectorProperty
_Field = cloudtrail.CfnTrail.AdvancedFieldSelectorProperty


class Audit(Construct):
    """A trail of these data events alone; CloudTrail keeps management events of 90 days without it.

    What `sender`, the API function's role, sends to `queue` is left out: each POST would be paid for.

    Its bucket is kept when the stack is removed, and nothing in it is deleted before its time.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        operations: lambda_.IFunction,
        dead_letters: sqs.IQueue,
        queue: sqs.IQueue,
        sender: iam.IRole,
        environment: Environment,
    ) -> None:
        super().__init__(scope, id_)
        bucket = s3.Bucket(
            self,
            "Bucket",
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            versioned=True,
            lifecycle_rules=[
                s3.LifecycleRule(
                    expiration=Duration.days(environment.audit_days),
                    noncurrent_version_expiration=Duration.days(1),
                )
            ],
            removal_policy=RemovalPolicy.RETAIN,
        )
        acknowledge(bucket, "S1", because="only CloudTrail writes into it; a log of the log would have no reader")
        name = display_name(environment.name)
        trail_arn = Stack.of(self).format_arn(service="cloudtrail", resource="trail", resource_name=name)
        writer = iam.ServicePrincipal("cloudtrail.amazonaws.com")
        own = {"StringEquals": {"aws:SourceArn": trail_arn}}
        bucket.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[writer], actions=["s3:GetBucketAcl"], resources=[bucket.bucket_arn], conditions=own
            )
        )
        bucket.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[writer],
                actions=["s3:PutObject"],
                resources=[bucket.arn_for_objects(f"AWSLogs/{environment.account}/*")],
                conditions={"StringEquals": {**own["StringEquals"], "s3:x-amz-acl": "bucket-owner-full-control"}},
            )
        )
        trail = cloudtrail.CfnTrail(
            self,
            "Trail",
            trail_name=name,  # the bucket's policy names it
            is_logging=True,
            s3_bucket_name=bucket.bucket_name,
            enable_log_file_validation=True,
            is_multi_region_trail=False,
            include_global_service_events=False,
            advanced_event_selectors=[
                _data_events("operations", "AWS::Lambda::Function", operations.function_arn),
                _data_events("dead letters", "AWS::SQS::Queue", dead_letters.queue_arn),
                _data_events(
                    "sent past the API",
                    "AWS::SQS::Queue",
                    queue.queue_arn,
                    _Field(field="eventName", starts_with=["SendMessage"]),
                    _Field(field="userIdentity.arn", not_starts_with=[_sessions_of(sender)]),
                ),
            ],
        )
        if bucket.policy:
            trail.node.add_dependency(bucket.policy)


def _sessions_of(role: iam.IRole) -> str:
    """Return how the ARN of each session of the role begins, which is what CloudTrail records of its calls."""
    stack = Stack.of(role)
    return stack.format_arn(service="sts", region="", resource="assumed-role", resource_name=f"{role.role_name}/")


def _data_events(name: str, kind: str, arn: str, *only: _Field) -> _Selector:
    return _Selector(
        name=name,
        field_selectors=[
            _Field(field="eventCategory", equal_to=["Data"]),
            _Field(field="resources.type", equal_to=[kind]),
            _Field(field="resources.ARN", equal_to=[arn]),
            *only,
        ],
    )
