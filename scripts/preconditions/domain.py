"""The condition of the API's domain name: its DNS zone exists and is delegated."""

from typing import Any

import dns.resolver

from scripts.preconditions.condition import SETTINGS, Deploy, Result, condition, green, red
from stacks.config.options import Domain


@condition("domain", "route53:GetHostedZone")
def domain(deploy: Deploy) -> Result:
    """Whether the zone exists and is delegated; otherwise the deploy waits for its certificate until it fails."""
    wanted = deploy.environment.domain
    if not wanted:
        return green("none: API Gateway's own name")
    route53 = deploy.target.client("route53")
    try:
        zone = route53.get_hosted_zone(Id=wanted.zone_id)
    except route53.exceptions.NoSuchHostedZone:
        return red(
            f"the account has no zone {wanted.zone_id}",
            f"aws route53 create-hosted-zone --name {wanted.zone_name} --caller-reference 1, its Id into {SETTINGS}",
        )
    return _fits(wanted, zone["HostedZone"]) or _is_delegated(wanted, set(zone["DelegationSet"]["NameServers"]))


def _fits(wanted: Domain, zone: dict[str, Any]) -> Result | None:
    name = zone["Name"].rstrip(".")
    if name != wanted.zone_name or not wanted.name.endswith(f".{name}"):
        return red(f"zone {wanted.zone_id} is {name}: not the one of {wanted.name}", f"set `domain` in {SETTINGS}")
    if zone["Config"]["PrivateZone"]:
        return red(f"{name} is a private zone", f"take a public one in {SETTINGS}")
    return None


def _is_delegated(wanted: Domain, expected: set[str]) -> Result:
    servers = ", ".join(sorted(expected))
    remedy = f"at the registrar of {wanted.zone_name}, or in its parent zone, set the name servers to {servers}"
    try:
        answer = dns.resolver.resolve(wanted.zone_name, "NS", lifetime=10)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer, dns.resolver.NoNameservers):
        return red(f"no name server answers for {wanted.zone_name}", remedy)
    found = {str(record.target).rstrip(".") for record in answer}
    if found != expected:
        return red(f"{wanted.zone_name} is delegated to {', '.join(sorted(found))}", remedy)
    return green(f"{wanted.zone_name} answers")
