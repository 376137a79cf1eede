"""All conditions of a deploy, in the order in which `preflight` shows them."""

from collections.abc import Iterator

from scripts.preconditions import account, domain, image, quotas, zones
from scripts.preconditions.condition import Condition, Deploy, Result

CONDITIONS = (
    account.plan,
    account.bootstrap,
    account.earlier_deploys,
    account.service_linked_roles,
    account.api_log_role,
    account.alarm_address,
    domain.domain,
    zones.zones,
    zones.graph_instance_type,
    zones.nat_instance_type,
    zones.postgres_instance_type,
    image.image,
    quotas.lambda_concurrency,
    quotas.vpcs,
    quotas.addresses,
    quotas.vcpus,
)


def check_all(deploy: Deploy) -> Iterator[tuple[Condition, Result]]:
    """Check each condition; if the account is not the environment's, only that one."""
    result = account.caller.check(deploy)
    yield account.caller, result
    if result.state == "green":
        for condition in CONDITIONS:
            yield condition, condition.check(deploy)
