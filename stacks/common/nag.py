"""Accepted violations of cdk-nag's and cfn-lint's rules: one resource, one rule and one reason each."""

import aws_cdk as cdk
from constructs import IConstruct


def acknowledge(resource: IConstruct, rule: str, *, because: str) -> None:
    """Accept that a resource (of a construct: its default child) breaks this rule; the tests run the rules."""
    cdk.Validations.of(resource.node.default_child or resource).acknowledge(
        cdk.Acknowledgment(id=f"AwsSolutions::AwsSolutions-{rule}", reason=because)
    )


def acknowledge_zone(resource: IConstruct) -> None:
    """Accept a hard-coded availability zone, which cfn-lint advises against."""
    reason = "the zone is the environment's: to ask AWS for it at synth needs credentials"
    cdk.Validations.of(resource).acknowledge(cdk.Acknowledgment(id="CloudFormation-Validate::W3010", reason=reason))
