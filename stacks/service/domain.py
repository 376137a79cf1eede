"""The API's own domain name: certificate, domain and DNS record."""

from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_route53_targets as targets

from stacks.config.options import Domain


def add_domain(api: apigateway.SpecRestApi, domain: Domain) -> None:
    """Serve the API's stage under the domain name; a deploy waits until the zone proves the certificate."""
    zone = route53.HostedZone.from_hosted_zone_attributes(
        api, "Zone", hosted_zone_id=domain.zone_id, zone_name=domain.zone_name
    )
    name = api.add_domain_name(
        "Domain",
        domain_name=domain.name,
        certificate=acm.Certificate(
            api, "Certificate", domain_name=domain.name, validation=acm.CertificateValidation.from_dns(zone)
        ),
        endpoint_type=apigateway.EndpointType.REGIONAL,
        security_policy=apigateway.SecurityPolicy.TLS_1_2,
    )
    alias = route53.RecordTarget.from_alias(targets.ApiGatewayDomain(name))
    route53.ARecord(api, "Record", zone=zone, record_name=domain.name, target=alias)
