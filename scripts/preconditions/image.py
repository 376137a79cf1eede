"""The condition of the graph's container image: the registry has it for the host's architecture."""

import re
from typing import Any, Final

import requests

from scripts.preconditions.condition import Deploy, Result, condition, green, red
from stacks.config.versions import NEO4J_DIGEST, NEO4J_REPOSITORY, NEO4J_TAG

_INDEX: Final = "application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json"
_TIMEOUT_SECONDS: Final = 10
_REMEDY: Final = "write the digest of another build into stacks/config/versions.py"
_ARCHITECTURES: Final = {"x86_64": "amd64", "arm64": "arm64"}
"""EC2's name of each, and the registry's."""


@condition("graph's image", "ec2:DescribeInstanceTypes")
def image(deploy: Deploy) -> Result:
    """Whether the registry has the pinned image for the architecture of the host; it shows the tag's newest build."""
    if not deploy.graph:
        return green("none needed")
    ec2 = deploy.target.client("ec2")
    [host] = ec2.describe_instance_types(InstanceTypes=[deploy.graph.instance_type])["InstanceTypes"]
    wanted = {_ARCHITECTURES[one] for one in host["ProcessorInfo"]["SupportedArchitectures"] if one in _ARCHITECTURES}
    with requests.Session() as session:
        pinned, newest = _find(session, NEO4J_DIGEST), _find(session, NEO4J_TAG)
    found = _architectures(pinned)
    tag = f"{NEO4J_TAG} is {newest.headers['Docker-Content-Digest'] if newest else 'gone'}"
    if not wanted & found:
        return red(
            f"{NEO4J_DIGEST} is there for {', '.join(sorted(found)) or 'nothing'}, not for {', '.join(wanted)}; {tag}",
            _REMEDY,
        )
    return green(f"{NEO4J_DIGEST} for {', '.join(wanted & found)}; {tag}")


def _architectures(answer: requests.Response | None) -> set[str]:
    manifests: list[dict[str, Any]] = answer.json()["manifests"] if answer else []
    return {one["platform"]["architecture"] for one in manifests}


def _find(session: requests.Session, reference: str) -> requests.Response | None:
    """Return the list of manifests that a digest or a tag names, None where there is none.

    Raises requests.RequestException when the registry does not answer.
    """
    registry, _, repository = NEO4J_REPOSITORY.partition("/")
    answer = _get(session, f"https://{registry}/v2/{repository}/manifests/{reference}")
    if answer.status_code == requests.codes.not_found:
        return None
    answer.raise_for_status()
    return answer


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
