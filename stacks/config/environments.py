"""All environments. To deploy your own, change this file: accounts, domain names, addresses, sizes."""

import platform
from dataclasses import replace
from typing import Final

from stacks.config.environment import Environment
from stacks.config.options import (
    Domain,
    EcsGraph,
    ExternalGraph,
    ExternalPostgres,
    Network,
    OwnUsers,
    Quota,
    RdsPostgres,
    Worker,
)

LOCAL: Final = Environment(
    name="local",
    account="000000000000",
    region="us-east-1",
    python=None,
    local_endpoint=True,
    protected=False,
    architecture="arm64" if platform.machine() in {"arm64", "aarch64"} else "x86_64",
    log_level="INFO",
    log_retention_days=1,
    cors_origin="*",
    api_url="/restapis/{api}/{stage}/_user_request_",
    domain=None,
    throttle_rate=1000,
    throttle_burst=1000,
    quota=Quota(interactions=100_000, size_bytes=1_000_000_000),
    waf=False,
    audit_days=0,
    alarm_email=None,
    separate_gateway_responses=True,
    reserved_concurrency=False,
    snap_start=False,
    # The local endpoint puts at most 10 messages into a batch and does not wait for more.
    worker=Worker(timeout_seconds=10, batch_size=10, window_seconds=0, concurrency=2),
    postgres_outage_seconds=60 * 60,
    network=None,
    postgres=ExternalPostgres(
        secret="interaction-tracker/local/postgres",  # noqa: S106  a name
        operator_secret="interaction-tracker/local/postgres-operator",  # noqa: S106  a name
        event_status_secret="interaction-tracker/local/postgres-event-status",  # noqa: S106  a name
        owner_secret="interaction-tracker/local/postgres-owner",  # noqa: S106  a name
    ),
    graph=ExternalGraph(secret="interaction-tracker/local/neo4j"),  # noqa: S106  a name
    users=OwnUsers(),
    tunnel=True,
)

DEV: Final = Environment(
    name="dev",
    account="111111111111",
    region="us-east-1",
    python="3.13",
    local_endpoint=False,
    protected=True,
    architecture="arm64",
    log_level="INFO",
    log_retention_days=7,
    cors_origin="*",
    api_url="https://api.dev.recollect.example",
    domain=Domain(name="api.dev.recollect.example", zone_id="Z0111111111111111111", zone_name="dev.recollect.example"),
    throttle_rate=50,
    throttle_burst=100,
    quota=Quota(interactions=20_000, size_bytes=50_000_000),
    waf=False,
    audit_days=90,
    alarm_email="alice@example.com",
    separate_gateway_responses=False,
    reserved_concurrency=False,  # an account starts with a quota of 10
    snap_start=False,
    worker=Worker(timeout_seconds=30, batch_size=100, window_seconds=1, concurrency=2),
    postgres_outage_seconds=24 * 60 * 60,
    network=Network(
        cidr="10.10.0.0/16",
        availability_zones=("us-east-1a", "us-east-1b"),
        nat_gateways=1,
        nat_instance_type="t4g.nano",
    ),
    postgres=RdsPostgres(
        instance_type="t4g.small",
        multi_az=False,
        storage_gib=20,
        storage_limit_gib=100,
        backup_days=7,
    ),
    graph=EcsGraph(
        availability_zone="us-east-1a",
        instance_type="t4g.small",
        host_memory_mib=2048,
        storage_gib=20,
        snapshots_kept=3,
    ),
    users=OwnUsers(),
    tunnel=True,
)

STAGING: Final = replace(
    DEV,
    name="staging",
    account="222222222222",
    api_url="https://api.staging.recollect.example",
    domain=Domain(
        name="api.staging.recollect.example",
        zone_id="Z0222222222222222222",
        zone_name="staging.recollect.example",
    ),
    throttle_rate=100,
    throttle_burst=200,
    network=Network(
        cidr="10.20.0.0/16",
        availability_zones=("us-east-1a", "us-east-1b"),
        nat_gateways=1,
        nat_instance_type="t4g.nano",
    ),
)

PROD: Final = replace(
    STAGING,
    name="prod",
    account="333333333333",
    log_retention_days=30,
    cors_origin="https://app.recollect.example",
    api_url="https://api.recollect.example",
    domain=Domain(
        name="api.recollect.example",
        zone_id="Z0333333333333333333",
        zone_name="recollect.example",
    ),
    throttle_rate=500,
    throttle_burst=1000,
    waf=True,
    audit_days=365,
    reserved_concurrency=True,
    snap_start=True,
    worker=Worker(timeout_seconds=30, batch_size=100, window_seconds=1, concurrency=5),
    network=Network(
        cidr="10.30.0.0/16",
        availability_zones=("us-east-1a", "us-east-1b"),
        nat_gateways=2,
    ),
    postgres=RdsPostgres(
        instance_type="m7g.large",
        multi_az=True,
        storage_gib=100,
        storage_limit_gib=1000,
        backup_days=30,
    ),
    graph=EcsGraph(
        availability_zone="us-east-1a",
        instance_type="r7g.large",
        host_memory_mib=16384,
        storage_gib=100,
        snapshots_kept=7,
    ),
    tunnel=False,
)

ENVIRONMENTS: Final = {environment.name: environment for environment in (LOCAL, DEV, STAGING, PROD)}
