"""Exceptions from cdk-nag's rules for AWS solutions: one resource, one rule and a reason each."""

import aws_cdk as cdk
from constructs import IConstruct


def acknowledge(resource: IConstruct, rule: str, *, because: str) -> None:
    """Accept that this resource (of a construct: its own) is not as the rule wants it; the tests run the rules."""
    cdk.Validations.of(resource.node.default_child or resource).acknowledge(
        cdk.Acknowledgment(id=f"AwsSolutions::AwsSolutions-{rule}", reason=because)
    )
