"""The setup of the graph's host as it is: as root, on a loop device, in a mount namespace of its own.

Stubs stand for dnf, aws, curl, systemctl and the metrics agent; everything else is the real command. `sleep` is one of
the stubs, so what would wait for minutes is counted instead.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

SETUP = Path(__file__).parents[2] / "stacks" / "data" / "neo4j" / "host.sh"
BOX = Path(__file__).with_name("graph_host")
STUBBED = ("dnf", "aws", "curl", "systemctl", "sleep")
VALUES = {"VOLUME": "vol-0123", "NAME": "graph.dev.internal", "REGION": "us-east-1", "NAMESPACE": "Tests"}
DEVICE = "/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_vol0123"
SIZE = 64 << 20
READY = 'ECS_INSTANCE_ATTRIBUTES={"graph-volume":"mounted"}'
LOGIN = {"username": "neo4j", "password": "hidden"}

pytestmark = pytest.mark.root


@dataclass
class Setup:
    """The result of one setup."""

    status: int
    output: list[str]
    """What $AFTER printed."""
    calls: list[str]

    def called(self, call: str) -> int:
        return len([one for one in self.calls if one.startswith(call)])


@dataclass
class Volume:
    """A volume, and the hosts that it is attached to one after the other."""

    folder: Path
    image: Path = field(init=False)

    def __post_init__(self) -> None:  # noqa: D105
        self.image = self.folder / "volume"
        with self.image.open("wb") as volume:
            volume.truncate(SIZE)
        (self.folder / "secret").write_text(json.dumps(LOGIN))
        (self.folder / "box").mkdir()
        stubs = self.folder / "stubs"
        stubs.mkdir()
        shutil.copy(BOX / "stub", stubs / "stub")
        for name in STUBBED:
            (stubs / name).symlink_to("stub")
        text = re.sub(r"@([A-Z]+)@", lambda name: VALUES.get(name[1], name[1].lower()), SETUP.read_text())
        (self.folder / "setup.sh").write_text(text)

    def set_up(self, after: str = "true", **variables: str) -> Setup:
        """Set a new host up, and run a command on it afterwards."""
        calls = self.folder / "calls"
        calls.write_text("")
        with self._attached() as loop:
            environment = os.environ | {
                "AFTER": after,
                "CALLS": str(calls),
                "DEVICE": DEVICE,
                "LOOP": loop,
                "SECRET": str(self.folder / "secret"),
                "SETUP": str(self.folder / "setup.sh"),
                "STUBS": str(self.folder / "stubs"),
                **variables,
            }
            done = subprocess.run(
                ["unshare", "--mount", "bash", BOX / "box.sh", self.folder / "box"],  # noqa: S607
                env=environment,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
        found = re.search(r"^status (\d+)\n", done.stdout, re.MULTILINE)
        assert found, done.stderr
        output = done.stdout[found.end() :].splitlines()
        return Setup(int(found[1]), output, calls.read_text().splitlines())

    @contextmanager
    def _attached(self) -> Iterator[str]:
        attach = ["losetup", "--find", "--show", str(self.image)]
        loop = subprocess.run(attach, capture_output=True, text=True, check=True).stdout.strip()
        try:
            yield loop
        finally:
            subprocess.run(["losetup", "--detach", loop], check=True)  # noqa: S607

    @property
    def secret(self) -> dict[str, str]:
        found: dict[str, str] = json.loads((self.folder / "secret").read_text())
        return found

    def digest(self) -> str:
        return hashlib.sha256(self.image.read_bytes()).hexdigest()


@pytest.fixture
def volume(tmp_path: Path) -> Volume:
    return Volume(tmp_path)


def assert_refused(setup: Setup) -> None:
    """Assert that the host takes no task, and that Auto Scaling replaces it."""
    assert setup.status != 0
    assert READY not in setup.output
    assert setup.called("systemctl mask --now ecs") == 1
    assert setup.called("aws autoscaling set-instance-health --instance-id i-0123456789 --health-status Unhealthy") == 1


CONFIG = "cat /etc/ecs/ecs.config 2>/dev/null || true"


def test_a_new_volume_is_formatted_and_mounted_and_gets_a_certificate(volume: Volume) -> None:
    setup = volume.set_up(
        "findmnt --noheadings --output FSTYPE,OPTIONS /srv/graph; stat --format %u:%g /srv/graph/data; " + CONFIG
    )
    assert setup.status == 0
    assert setup.output[0].startswith("ext4")
    assert "noatime" in setup.output[0]
    assert setup.output[1] == "7474:7474"
    assert READY in setup.output
    assert setup.called("systemctl mask") == 0
    assert volume.secret.keys() == {*LOGIN, "certificate"}
    assert volume.secret["certificate"].startswith("-----BEGIN CERTIFICATE-----")


def test_an_old_volume_keeps_its_data_and_its_certificate(volume: Volume) -> None:
    volume.set_up("echo kept > /srv/graph/data/marker")
    secret = volume.secret
    again = volume.set_up("cat /srv/graph/data/marker; " + CONFIG)
    assert (again.status, again.output[0]) == (0, "kept")
    assert READY in again.output
    assert volume.secret == secret
    assert again.called("aws secretsmanager put-secret-value") == 0


def test_the_file_system_grows_with_the_volume(volume: Volume) -> None:
    size = "stat --file-system --format %b /srv/graph"
    before = volume.set_up(size)
    with volume.image.open("r+b") as image:
        image.truncate(2 * SIZE)
    after = volume.set_up(size)
    assert int(after.output[0]) > 1.5 * int(before.output[0])


def test_other_data_on_the_volume_is_left_alone(volume: Volume) -> None:
    with volume.image.open("r+b") as image:
        image.write(b"somebody's data" * 1000)
    before = volume.digest()
    assert_refused(volume.set_up(CONFIG))
    assert volume.digest() == before


def test_nobody_writes_to_the_folder_while_no_volume_is_mounted(volume: Volume) -> None:
    setup = volume.set_up("umount /srv/graph; touch /srv/graph/data 2>&1 || true")
    assert "Operation not permitted" in setup.output[0]


def test_a_volume_that_cannot_be_attached_is_tried_again_then_refused(volume: Volume) -> None:
    before = volume.digest()
    setup = volume.set_up(CONFIG, REFUSED="aws ec2 attach-volume")
    assert_refused(setup)
    assert 5 <= setup.called("aws ec2 attach-volume") <= 50
    assert volume.digest() == before


def test_a_device_that_never_appears_is_refused(volume: Volume) -> None:
    assert_refused(volume.set_up(CONFIG, REFUSED="device"))


def test_packages_that_cannot_be_installed_are_tried_again_with_a_limit_then_refused(volume: Volume) -> None:
    setup = volume.set_up(CONFIG, REFUSED="dnf install")
    assert_refused(setup)
    installs = [call for call in setup.calls if call.startswith("dnf install")]
    assert 2 <= len(installs) <= 20
    assert all("(from timeout)" in call for call in installs), "dnf can hang for ever"
    assert all(" diffutils " in call for call in installs), "cmp decides whether a volume is new"


def test_a_secret_that_cannot_be_read_is_tried_again_then_refused(volume: Volume) -> None:
    setup = volume.set_up(CONFIG, REFUSED="aws secretsmanager get-secret-value")
    assert_refused(setup)
    assert setup.called("aws secretsmanager get-secret-value") > 1


def test_without_cmp_no_volume_is_formatted(volume: Volume) -> None:
    before = volume.digest()
    assert_refused(volume.set_up(CONFIG, MISSING="cmp"))
    assert volume.digest() == before


def test_cloudformation_is_told_how_it_ended(volume: Volume) -> None:
    signal = "aws cloudformation signal-resource"
    good = volume.set_up()
    bad = volume.set_up(REFUSED="dnf install")
    for setup, result in ((good, "SUCCESS"), (bad, "FAILURE")):
        [call] = [call for call in setup.calls if call.startswith(signal)]
        assert f"--status {result}" in call
