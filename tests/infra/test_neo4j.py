"""Neo4j on ECS: one task, a volume that is kept, TLS, and no secret in the template."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from local.neo4j import Neo4j
from stacks.config.environment import Environment
from stacks.config.options import EcsGraph
from stacks.config.versions import NEO4J_REPOSITORY, NEO4J_TAG
from stacks.data.neo4j.host import MOUNT, READY
from tests.infra.synthesis import ON_AWS, data_stack
from tests.infra.template import Template

ROOT = Path(__file__).parents[2]
NEO4J = ROOT / "stacks" / "data" / "neo4j"
SETUP = NEO4J / "host.sh"
JARS = ROOT / "local" / "jgo.toml"


@pytest.fixture(params=ON_AWS, ids=lambda environment: environment.name)
def environment(request: pytest.FixtureRequest) -> Environment:
    found: Environment = request.param
    return found


@pytest.fixture
def stack(environment: Environment) -> Template:
    return data_stack(environment)


@pytest.fixture
def container(stack: Template) -> dict[str, Any]:
    _, task = stack.one("AWS::ECS::TaskDefinition", starting="GraphTask")
    (found,) = task["Properties"]["ContainerDefinitions"]
    container: dict[str, Any] = found
    return container


@pytest.fixture
def launch(stack: Template) -> dict[str, Any]:
    _, template = stack.one("AWS::EC2::LaunchTemplate")
    data: dict[str, Any] = template["Properties"]["LaunchTemplateData"]
    return data


def variables(container: dict[str, Any]) -> dict[str, str]:
    return {variable["Name"]: variable["Value"] for variable in container["Environment"]}


def test_logical_ids_of_the_graphs_data_never_change(stack: Template) -> None:
    assert set(stack.of_type("AWS::EC2::Volume")) == {"GraphHostVolume652A7521"}
    assert set(stack.of_type("AWS::SecretsManager::Secret")) == {"GraphLogin9E5514A5"}


@pytest.mark.parametrize("kind", ["AWS::EC2::Volume", "AWS::SecretsManager::Secret"])
def test_the_volume_and_its_login_are_kept_when_the_stack_goes(stack: Template, kind: str) -> None:
    _, resource = stack.one(kind)
    assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")


def test_volume_and_host_are_in_one_zone(stack: Template, environment: Environment, launch: dict[str, Any]) -> None:
    assert isinstance(environment.graph, EcsGraph)
    _, volume = stack.one("AWS::EC2::Volume")
    properties = volume["Properties"]
    assert properties["AvailabilityZone"] == environment.graph.availability_zone
    assert (properties["Encrypted"], properties["VolumeType"]) == (True, "gp3")
    _, group = stack.one("AWS::AutoScaling::AutoScalingGroup")
    (subnet,) = group["Properties"]["VPCZoneIdentifier"]
    assert (
        stack.of_type("AWS::EC2::Subnet")[subnet["Ref"]]["Properties"]["AvailabilityZone"]
        == environment.graph.availability_zone
    )
    assert (group["Properties"]["MinSize"], group["Properties"]["MaxSize"]) == ("1", "1")
    assert launch["InstanceType"] == environment.graph.instance_type


def test_there_are_never_two_tasks_on_the_store(stack: Template) -> None:
    _, service = stack.one("AWS::ECS::Service")
    properties = service["Properties"]
    assert properties["DesiredCount"] == 1
    deployment = properties["DeploymentConfiguration"]
    assert (deployment["MinimumHealthyPercent"], deployment["MaximumPercent"]) == (0, 100)
    assert properties["AvailabilityZoneRebalancing"] == "DISABLED"


def test_no_task_starts_without_the_volume(stack: Template) -> None:
    _, service = stack.one("AWS::ECS::Service")
    (constraint,) = service["Properties"]["PlacementConstraints"]
    assert constraint == {"Type": "memberOf", "Expression": f"attribute:{READY[0]} == {READY[1]}"}
    text = SETUP.read_text()
    assert f'ECS_INSTANCE_ATTRIBUTES={{"{READY[0]}":"{READY[1]}"}}' in text.partition("mountpoint --quiet")[2]


def test_the_host_starts_after_its_route_to_the_internet(stack: Template) -> None:
    _, group = stack.one("AWS::AutoScaling::AutoScalingGroup")
    waits_for = {stack.body["Resources"][id_]["Type"] for id_ in group["DependsOn"]}
    assert waits_for >= {"AWS::EC2::Route", "AWS::EC2::SubnetRouteTableAssociation", "AWS::EC2::VPCEndpoint"}


def test_the_container_does_not_have_the_hosts_rights() -> None:
    assert "\nECS_AWSVPC_BLOCK_IMDS=true\n" in SETUP.read_text()


@pytest.mark.parametrize("aws", ["exit 0", "exit 1"])
def test_a_failed_setup_stops_ecs_and_has_the_host_replaced(aws: str, tmp_path: Path) -> None:
    commands = tmp_path / "commands"
    log = tmp_path / "log"
    commands.mkdir()
    stubs = {"curl": "echo i-1", "dnf": "exit 1", "sleep": "exit 0", "aws": aws}
    for name, code in {**stubs, "systemctl": "exit 0", "umount": "exit 1"}.items():
        (commands / name).write_text(f'#!/bin/bash\necho "{name} $*" >>"{log}"\n{code}\n')
        (commands / name).chmod(0o755)
    setup = re.sub(r"@(\w+)@", r"the-\1", SETUP.read_text())
    path = {"PATH": f"{commands}:/usr/bin:/bin"}
    assert subprocess.run(["bash", "-c", setup], env=path, check=False).returncode != 0  # noqa: S607
    done = log.read_text().splitlines()
    assert sum(line.startswith("dnf") for line in done) == 5
    assert "systemctl mask --now ecs" in done
    unhealthy = "aws autoscaling set-instance-health --instance-id i-1 --health-status Unhealthy"
    assert f"{unhealthy} --no-should-respect-grace-period" in done
    assert ("systemctl poweroff" in done) == (aws == "exit 1")
    signal = "aws cloudformation signal-resource --stack-name the-STACK --logical-resource-id the-GROUP"
    assert done[-1] == f"{signal} --unique-id i-1 --status FAILURE"


def test_the_first_deploy_waits_for_the_host_before_it_makes_the_service(
    stack: Template, environment: Environment, launch: dict[str, Any]
) -> None:
    id_, group = stack.one("AWS::AutoScaling::AutoScalingGroup")
    assert group["CreationPolicy"] == {"ResourceSignal": {"Count": 1, "Timeout": "PT15M"}}
    setup = stack.plain(launch["UserData"]["Fn::Base64"])
    assert setup.startswith("#!/bin/bash\n")
    assert f" stack={environment.name}-data group={id_} " in setup
    assert not re.findall(r"@[A-Z]+@", setup)
    _, capacity = stack.one("AWS::ECS::CapacityProvider")
    assert id_ in str(capacity["Properties"]["AutoScalingGroupProvider"]["AutoScalingGroupArn"])


def test_a_new_host_has_an_hour_before_the_deployment_fails(stack: Template) -> None:
    _, service = stack.one("AWS::ECS::Service")
    breaker = service["Properties"]["DeploymentConfiguration"]["DeploymentCircuitBreaker"]
    assert breaker["Enable"] is breaker["Rollback"] is True
    assert breaker["ThresholdConfiguration"] == {"Type": "COUNT", "Value": 60}


def test_neo4js_logs_are_on_the_volume(stack: Template, container: dict[str, Any]) -> None:
    _, task = stack.one("AWS::ECS::TaskDefinition", starting="GraphTask")
    volumes = {volume["Name"]: volume["Host"]["SourcePath"] for volume in task["Properties"]["Volumes"]}
    mounts = {mount["ContainerPath"]: volumes[mount["SourceVolume"]] for mount in container["MountPoints"]}
    assert mounts == {"/data": f"{MOUNT}/data", "/logs": f"{MOUNT}/logs", "/ssl": f"{MOUNT}/certificates"}
    made = re.search(r'^mkdir --parents "\$mount/data".*$', SETUP.read_text(), re.MULTILINE)
    assert made
    assert '"$mount/logs"' in made[0]


def test_only_an_empty_volume_is_formatted() -> None:
    formats = [line.strip() for line in SETUP.read_text().splitlines() if "mkfs" in line]
    assert formats == ['mkfs.ext4 -q "$device"']
    assert re.search(r"if cmp --silent --bytes=\d+ \"\$device\" /dev/zero; then\s+mkfs", SETUP.read_text())


def test_neo4j_has_time_to_stop_and_enough_open_files(container: dict[str, Any]) -> None:
    assert container["StopTimeout"] == 120
    assert container["Ulimits"] == [{"Name": "nofile", "SoftLimit": 60000, "HardLimit": 60000}]
    assert "localhost:7474" in container["HealthCheck"]["Command"][1]


def test_neo4j_has_only_the_rights_that_its_image_needs(container: dict[str, Any]) -> None:
    rights = container["LinuxParameters"]["Capabilities"]
    assert rights["Drop"] == ["ALL"]
    assert set(rights["Add"]) == {"CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "SETGID", "SETUID"}


def test_neo4js_memory_fits_its_container_and_its_host(container: dict[str, Any], environment: Environment) -> None:
    assert isinstance(environment.graph, EcsGraph)
    heap, cache = (
        int(variables(container)[f"NEO4J_server_memory_{part}"].removesuffix("m"))
        for part in ("heap_max__size", "pagecache_size")
    )
    assert heap + cache + min(1024, container["Memory"] // 2) <= container["Memory"]
    assert cache >= 200
    assert container["Memory"] + 768 <= environment.graph.host_memory_mib  # for the system and the agents


def test_neo4j_is_one_build_of_the_same_version_as_on_the_laptop(container: dict[str, Any]) -> None:
    version = re.search(r"org\.neo4j:neo4j:([\d.]+)", JARS.read_text())
    assert version
    assert f"{version[1]}-community" == NEO4J_TAG
    assert re.fullmatch(re.escape(NEO4J_REPOSITORY) + "@sha256:[0-9a-f]{64}", container["Image"])


def test_bolt_requires_tls_and_notices_lost_clients(container: dict[str, Any]) -> None:
    settings = variables(container)
    assert settings["NEO4J_server_bolt_tls__level"] == "REQUIRED"
    assert settings["NEO4J_dbms_ssl_policy_bolt_base__directory"] == "/ssl/bolt"
    assert settings["NEO4J_server_bolt_connection__keep__alive"] == "2s"
    assert settings["NEO4J_server_bolt_connection__keep__alive__probes"] == "3"
    assert settings["NEO4J_server_http_listen__address"].startswith("localhost:")
    assert container["PortMappings"] == [{"ContainerPort": 7687, "Protocol": "tcp"}]


def test_neo4j_has_the_same_time_outs_as_on_the_laptop_and_load_csv_reads_nothing(container: dict[str, Any]) -> None:
    time_outs = ("db.transaction.timeout", "db.lock.acquisition.timeout", "server.bolt.connection_keep_alive")
    load_csv = ("dbms.security.allow_csv_import_from_file_urls", "internal.dbms.cypher_ip_blocklist")
    laptop = Neo4j(folder=ROOT, port=1, password="").settings
    for name in time_outs + load_csv:  # tests/integration/test_local.py tries these settings
        assert variables(container)[f"NEO4J_{name.replace('_', '__').replace('.', '_')}"] == laptop[name], name


def test_the_password_is_only_in_secrets_manager(
    stack: Template, container: dict[str, Any], launch: dict[str, Any]
) -> None:
    (secret,) = container["Secrets"]
    assert stack.plain(secret["ValueFrom"]) == "GraphLogin9E5514A5:password::"
    setup = stack.plain(launch["UserData"]["Fn::Base64"])
    assert "secret=GraphLogin9E5514A5 " in setup
    for text in (setup, str(variables(container)), str(container["Command"])):
        assert "{{resolve:" not in text
        assert not re.search(r"(?i)password['\"]?[:=] ?['\"]?[a-z0-9]", text)


def test_the_logins_address_is_the_services_dns_name(stack: Template, environment: Environment) -> None:
    _, login = stack.one("AWS::SecretsManager::Secret")
    host = f"graph.{environment.name}.interaction-tracker.internal"
    generated = login["Properties"]["GenerateSecretString"]["SecretStringTemplate"]
    assert f"bolt://{host}:7687" in generated
    _, namespace = stack.one("AWS::ServiceDiscovery::PrivateDnsNamespace")
    _, name = stack.one("AWS::ServiceDiscovery::Service")
    assert f"{name['Properties']['Name']}.{namespace['Properties']['Name']}" == host


def test_the_host_is_reached_only_by_session_manager(launch: dict[str, Any]) -> None:
    assert "KeyName" not in launch
    assert launch["MetadataOptions"] == {"HttpTokens": "required", "HttpPutResponseHopLimit": 1}
    assert launch["EbsOptimized"] is True
    (disk,) = launch["BlockDeviceMappings"]
    assert disk["Ebs"]["Encrypted"] is True


def test_neo4j_stops_before_its_host(stack: Template) -> None:
    _, capacity = stack.one("AWS::ECS::CapacityProvider")
    assert capacity["Properties"]["AutoScalingGroupProvider"]["ManagedDraining"] == "ENABLED"
    associated, _ = stack.one("AWS::ECS::ClusterCapacityProviderAssociations")
    _, service = stack.one("AWS::ECS::Service")
    assert associated in service["DependsOn"]


def test_a_missing_graph_and_a_missing_snapshot_raise_an_alarm(stack: Template) -> None:
    topic, _ = stack.one("AWS::SNS::Topic")
    away, snapshot = (stack.one("AWS::CloudWatch::Alarm", starting=f"Graph{name}") for name in ("Away", "Snapshot"))
    for _, alarm in (away, snapshot):
        assert alarm["Properties"]["AlarmActions"] == [{"Ref": topic}]
        assert alarm["Properties"]["TreatMissingData"] == "breaching"
    minutes = away[1]["Properties"]["Period"] * away[1]["Properties"]["EvaluationPeriods"] / 60
    assert minutes == 10
    assert away[1]["Properties"]["MetricName"] == "MemoryUtilization"  # CPU would be a share of a reservation


def test_the_snapshot_waits_for_neo4j_to_stop_and_ends_before_the_alarm(container: dict[str, Any]) -> None:
    states = json.loads((NEO4J / "snapshot.json").read_text())["States"]
    ending = states["Let it end"]
    assert (ending["Next"], ending["Seconds"] > container["StopTimeout"]) == ("Snapshot", True)
    assert 24 * states["Wait"]["Seconds"] + ending["Seconds"] < 8 * 60


def test_only_a_complete_snapshot_counts_as_taken() -> None:
    states = json.loads((NEO4J / "snapshot.json").read_text())["States"]
    complete = states["Is it complete"]
    assert {choice["Condition"]: choice["Next"] for choice in complete["Choices"]} == {
        "{% $state = 'completed' %}": "List",
        "{% $state = 'error' %}": "Failed",
    }
    assert states[complete["Default"]]["Next"] == "Look at the snapshot"
    ways_to_list = [name for name, state in states.items() if "'Next': 'List'" in str(state)]
    assert ways_to_list == ["Is it complete"]
    assert states["Let go"]["Next"] == "Taken"
