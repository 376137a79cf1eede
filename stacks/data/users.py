"""The Cognito user pool, and the client with which frontends sign in."""

from typing import NamedTuple

import aws_cdk as cdk
from aws_cdk import aws_cognito as cognito
from constructs import Construct

from stacks.common.nag import acknowledge
from stacks.common.retention import removal_policy
from stacks.config.environment import Environment
from stacks.config.options import ExistingUsers


class Pool(NamedTuple):
    """A user pool and its client."""

    arn: str
    id: str
    client_id: str


def pool(scope: Construct, *, environment: Environment) -> Pool:
    """Make the user pool, or describe the existing one."""
    if isinstance(environment.users, ExistingUsers):
        arn = environment.users.pool_arn
        return Pool(arn, arn.rpartition("/")[2], environment.users.client_id)
    users = Users(scope, "Users", environment=environment)
    return Pool(users.pool.user_pool_arn, users.pool.user_pool_id, users.client.user_pool_client_id)


class Users(Construct):
    """A pool in which only operators create users; they sign in by e-mail address."""

    def __init__(self, scope: Construct, id_: str, *, environment: Environment) -> None:
        super().__init__(scope, id_)
        self.pool = cognito.UserPool(
            self,
            "Pool",
            self_sign_up_enabled=False,
            # Neither can be changed later.
            sign_in_aliases=cognito.SignInAliases(email=True),
            sign_in_case_sensitive=False,
            standard_attributes=cognito.StandardAttributes(
                email=cognito.StandardAttribute(required=True, mutable=True)
            ),
            password_policy=cognito.PasswordPolicy(
                min_length=12,
                require_lowercase=True,
                require_uppercase=True,
                require_digits=True,
                require_symbols=False,  # length does more, and a passphrase is easy to type
                temp_password_validity=cdk.Duration.days(7),
            ),
            account_recovery=cognito.AccountRecovery.EMAIL_ONLY,
            # A changed address counts only once its mailbox has answered: nobody takes another person's.
            keep_original=cognito.KeepOriginalAttrs(email=True),
            deletion_protection=environment.protected,
            removal_policy=removal_policy(environment),
        )
        acknowledge(self.pool, "COG1", because="twelve characters of three kinds: length does more than symbols")
        acknowledge(self.pool, "COG2", because="the frontends do not support a second factor yet")
        acknowledge(self.pool, "COG8", because="the plus plan costs per user and is meant for self sign-up")
        self.client = self.pool.add_client(
            "Frontends",
            # Browsers and apps cannot keep a secret.
            generate_secret=False,
            auth_flows=cognito.AuthFlow(user_password=True, user_srp=True),
            disable_o_auth=True,
            prevent_user_existence_errors=True,
            enable_token_revocation=True,
            id_token_validity=cdk.Duration.hours(1),
            access_token_validity=cdk.Duration.hours(1),
            refresh_token_validity=cdk.Duration.days(30),
            # The least that Cognito accepts: a client must be able to write what the pool requires.
            write_attributes=cognito.ClientAttributes().with_standard_attributes(email=True),
        )
