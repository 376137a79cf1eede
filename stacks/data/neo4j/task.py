"""The ECS task in which Neo4j runs."""

from collections.abc import Mapping
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secrets
from constructs import Construct

from stacks.common.nag import acknowledge
from stacks.common.names import BOLT
from stacks.common.retention import log_retention, removal_policy
from stacks.config.environment import Environment
from stacks.config.options import EcsGraph
from stacks.config.versions import NEO4J_DIGEST, NEO4J_REPOSITORY
from stacks.data.neo4j.host import MOUNT

# Of the container, for what is neither heap nor page cache: half of a small one.
_OTHER_MEMORY_MIB: Final = 1024
# The image wants the login as one variable, and writes every other NEO4J_ variable into its configuration.
_RUN: Final = 'NEO4J_AUTH="neo4j/$PASSWORD" exec env --unset=PASSWORD tini -g -- /startup/docker-entrypoint.sh neo4j'
# The graph that import.sh has left takes the old one's place. Whoever is killed here goes on at the next start. What an
# import that was killed has left goes: none runs now, because ECS has no room for both.
TAKE: Final = """\
cd /data
for folder in databases transactions; do
    if [ -d ready/$folder/neo4j ]; then
        rm -rf $folder/neo4j
        mkdir -p $folder
        mv ready/$folder/neo4j $folder/
    fi
done
rm -rf ready import other"""
_HEALTH: Final = "wget --quiet --timeout=4 --tries=1 --output-document=/dev/null http://localhost:7474"


def neo4j_task(
    scope: Construct, *, graph: EcsGraph, secret: secrets.Secret, environment: Environment
) -> ecs.Ec2TaskDefinition:
    """Make the task: Neo4j on the host's volume, with as much of the host's memory as is free for it."""
    task = ecs.Ec2TaskDefinition(scope, "Task", network_mode=ecs.NetworkMode.AWS_VPC)
    log = logs.LogGroup(
        scope,
        "Log",
        retention=log_retention(environment),
        removal_policy=removal_policy(environment),
    )
    memory_mib = container_memory_mib(graph)
    container = task.add_container(
        "neo4j",
        image=image(),
        entry_point=["bash", "-c"],
        command=[f"set -e\n{TAKE}\n{_RUN}"],
        memory_limit_mib=memory_mib,
        environment=_configuration(memory_mib),
        secrets={"PASSWORD": ecs.Secret.from_secrets_manager(secret, "password")},
        logging=ecs.LogDrivers.aws_logs(stream_prefix="neo4j", log_group=log),
        stop_timeout=cdk.Duration.seconds(120),
        health_check=ecs.HealthCheck(
            command=["CMD-SHELL", f"{_HEALTH} || exit 1"],
            # Ten minutes at start, because recovery of a large store takes time; later a frozen one is noticed in five.
            interval=cdk.Duration.seconds(30),
            timeout=cdk.Duration.seconds(5),
            retries=10,
            start_period=cdk.Duration.seconds(300),
        ),
        port_mappings=[ecs.PortMapping(container_port=BOLT)],
        linux_parameters=_capabilities(scope),
    )
    acknowledge(task, "ECS2", because="Neo4j reads its configuration from variables; its password is not one of them")
    container.add_ulimits(ecs.Ulimit(name=ecs.UlimitName.NOFILE, soft_limit=60000, hard_limit=60000))
    mount(task, container, {"data": "/data", "logs": "/logs"})
    mount(task, container, {"certificates": "/ssl"}, read_only=True)
    return task


def image() -> ecs.ContainerImage:
    """Return the image of Neo4j and of its importer."""
    return ecs.ContainerImage.from_registry(f"{NEO4J_REPOSITORY}@{NEO4J_DIGEST}")


def container_memory_mib(graph: EcsGraph) -> int:
    """Return the memory for Neo4j or for its importer; the rest of the host's is for the system and the agents."""
    return graph.host_memory_mib * 7 // 8 - 512


def mount(
    task: ecs.Ec2TaskDefinition,
    container: ecs.ContainerDefinition,
    folders: Mapping[str, str],
    *,
    read_only: bool = False,
) -> None:
    """Give the container folders of the host's volume, by their name there and their path inside."""
    for name, inside in folders.items():
        task.add_volume(name=name, host=ecs.Host(source_path=f"{MOUNT}/{name}"))
        container.add_mount_points(ecs.MountPoint(source_volume=name, container_path=inside, read_only=read_only))


def _capabilities(scope: Construct) -> ecs.LinuxParameters:
    """Drop root's rights, but those that the image needs to give /data to its user `neo4j` and to become that user."""
    parameters = ecs.LinuxParameters(scope, "LinuxParameters")
    parameters.drop_capabilities(ecs.Capability.ALL)
    parameters.add_capabilities(
        ecs.Capability.CHOWN,
        ecs.Capability.DAC_OVERRIDE,
        ecs.Capability.FOWNER,
        ecs.Capability.KILL,  # tini passes the signal to stop on to that user's process
        ecs.Capability.SETGID,
        ecs.Capability.SETUID,
    )
    return parameters


def _configuration(memory_mib: int) -> dict[str, str]:
    """Return Neo4j's settings as the variables that its image reads."""
    heap_mib = memory_mib // 3
    settings = {
        "server.memory.heap.initial_size": f"{heap_mib}m",
        "server.memory.heap.max_size": f"{heap_mib}m",
        "server.memory.pagecache.size": f"{memory_mib - heap_mib - min(_OTHER_MEMORY_MIB, memory_mib // 2)}m",
        # Drivers drop a silent server after the product of both; with one probe that would be a race.
        "server.bolt.connection_keep_alive": "2s",
        "server.bolt.connection_keep_alive_probes": "3",
        "db.memory.transaction.max": f"{heap_mib // 8}m",  # one that is too large fails before the heap is full
        "db.transaction.timeout": "60s",
        "db.lock.acquisition.timeout": "2s",  # for a locked user; the rows are tried again soon
        "server.bolt.listen_address": f"0.0.0.0:{BOLT}",  # of the task; its security group decides who may connect
        "server.bolt.tls_level": "REQUIRED",
        "dbms.ssl.policy.bolt.enabled": "true",
        "dbms.ssl.policy.bolt.base_directory": "/ssl/bolt",
        "dbms.ssl.policy.bolt.client_auth": "NONE",
        # For the health check only.
        "server.http.listen_address": "localhost:7474",
        "dbms.usage_report.enabled": "false",
        "dbms.security.allow_csv_import_from_file_urls": "false",
        "internal.dbms.cypher_ip_blocklist": "0.0.0.0/0,::/0",  # LOAD CSV reads, and tells, no other server
    }
    return {f"NEO4J_{name.replace('_', '__').replace('.', '_')}": value for name, value in settings.items()}
