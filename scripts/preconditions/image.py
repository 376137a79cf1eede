"""The condition of the graph's container image: its tag exists for the host's architecture."""

import re
from typing import Any, Final

import requests

from scripts.preconditions.condition import Deploy, Result, condition, green, red
from stacks.config.versions import NEO4J_IMAGE

_INDEX: Final = "application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json"
_TIMEOUT_SECONDS: Final = 10
_REMEDY: Final = "choose another tag in stacks/config/versions.py, and in local/jgo.toml with its lock"
_ARCHITECTURES: Final = {"x86_64": "amd64", "arm64": "arm64"}
"""EC2's name of each, and the registry's."""


@condition("graph's image", "ec2:DescribeInstanceTypes")
def image(deploy: Deploy) -> Result:
    """Whether the registry has the image for the architecture of the graph's host."""
    if not deploy.graph:
        return green("none needed")
    ec2 = deploy.target.client("ec2")
    [host] = ec2.describe_instance_types(InstanceTypes=[deploy.graph.instance_type])["InstanceTypes"]
    wanted = {_ARCHITECTURES[one] for one in host["ProcessorInfo"]["SupportedArchitectures"] if one in _ARCHITECTURES}
    with requests.Session() as session:
        found = architectures(session, NEO4J_IMAGE)
    if not wanted & found:
        return red(f"{NEO4J_IMAGE}: for {', '.join(sorted(found)) or 'nothing'}, not for {', '.join(wanted)}", _REMEDY)
    return green(f"{NEO4J_IMAGE} for {', '.join(wanted & found)}")


def architectures(session: requests.Session, name: str) -> set[str]:
    """Return the architectures that an image's tag exists for; none where the tag does not exist.

    Raises requests.RequestException when the registry does not answer.
    """
    registry, _, rest = name.partition("/")
    repository, _, tag = rest.rpartition(":")
    answer = _get(session, f"https://{registry}/v2/{repository}/manifests/{tag}")
    if answer.status_code == requests.codes.not_found:
        return set()
    answer.raise_for_status()
    manifests: list[dict[str, Any]] = answer.json()["manifests"]
    return {one["platform"]["architecture"] for one in manifests}


def _get(session: requests.Session, url: str) -> requests.Response:
    """Get a manifest as registries require: the first answer says where to get an anonymous token."""
    answer = session.get(url, headers={"Accept": _INDEX}, timeout=_TIMEOUT_SECONDS)
    if answer.status_code != requests.codes.unauthorized:
        return answer
    challenge = dict(re.findall(r'(\w+)="([^"]*)"', answer.headers["WWW-Authenticate"]))
    granted = session.get(challenge.pop("realm"), params=challenge, timeout=_TIMEOUT_SECONDS)
    granted.raise_for_status()
    headers = {"Accept": _INDEX, "Authorization": f"Bearer {granted.json()['token']}"}
    return session.get(url, headers=headers, timeout=_TIMEOUT_SECONDS)
