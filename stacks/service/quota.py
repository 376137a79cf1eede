"""The table in which the API function counts what each user posts in a day."""

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks.common.nag import acknowledge
from stacks.config.options import Quota
from stacks.service.function import Function


class QuotaTable(Construct):
    """A table with one item for each user and day, which DynamoDB deletes a day later; losing it resets the counts."""

    def __init__(self, scope: Construct, id_: str, *, quota: Quota) -> None:
        super().__init__(scope, id_)
        self._quota = quota
        self._table = dynamodb.Table(
            self,
            "Table",
            partition_key=dynamodb.Attribute(name="id", type=dynamodb.AttributeType.STRING),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            time_to_live_attribute="expires_at",
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        acknowledge(self._table, "DDB3", because="it holds the counts of two days, which nobody would restore")

    def count_in(self, function: Function) -> None:
        """Have a function count in it, which `spend` of runtime/chalicelib/api/quota.py does."""
        function.add_variables(
            {
                "QUOTA_TABLE": self._table.table_name,
                "QUOTA_INTERACTIONS": str(self._quota.interactions),
                "QUOTA_BYTES": str(self._quota.size_bytes),
            }
        )
        function.role.add_to_policy(
            iam.PolicyStatement(actions=["dynamodb:UpdateItem"], resources=[self._table.table_arn])
        )
