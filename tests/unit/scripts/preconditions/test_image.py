"""The condition of the graph's image, against a registry that answers as the registries' API says."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests
from requests.adapters import BaseAdapter

from scripts.preconditions import image as conditions
from stacks.config.versions import NEO4J_DIGEST, NEO4J_REPOSITORY, NEO4J_TAG
from tests.unit.scripts.preconditions.conftest import Account

NEWEST = "sha256:newest"


@dataclass
class Registry(BaseAdapter):
    """A registry that asks for a token first; None: it knows neither tag nor digest."""

    architectures: list[str] | None
    asked: list[str] = field(default_factory=list)

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        self.asked.append(request.url or "")
        if "/token" in self.asked[-1]:
            return _response(request, 200, {"token": "for-nothing"})
        if request.headers.get("Authorization") != "Bearer for-nothing":
            realm = 'Bearer realm="https://registry.example/token",service="registry",scope="pull"'
            return _response(request, 401, {}, {"WWW-Authenticate": realm})
        if self.architectures is None:
            return _response(request, 404, {})
        manifests = [{"platform": {"architecture": one, "os": "linux"}} for one in self.architectures]
        return _response(request, 200, {"manifests": manifests}, {"Docker-Content-Digest": NEWEST})

    def close(self) -> None:
        pass


def _response(
    request: requests.PreparedRequest, status: int, body: Any, headers: Mapping[str, str] | None = None
) -> requests.Response:
    response = requests.Response()
    response.status_code, response.request, response.url = status, request, request.url or ""
    response._content = json.dumps(body).encode()  # noqa: SLF001  there is no other way to make one
    response.headers.update(headers or {})
    return response


@pytest.mark.parametrize(("architectures", "state"), [(["amd64", "arm64"], "green"), (["amd64"], "red"), (None, "red")])
def test_an_image_that_is_missing_for_the_hosts_architecture_is_red(
    account: Account, monkeypatch: pytest.MonkeyPatch, architectures: list[str] | None, state: str
) -> None:
    registry = Registry(architectures)

    def session() -> requests.Session:
        made = session_type()
        made.mount("https://", registry)
        return made

    session_type = requests.Session
    monkeypatch.setattr(requests, "Session", session)
    host = {"InstanceType": "t4g.small", "ProcessorInfo": {"SupportedArchitectures": ["arm64"]}}
    asked = {"InstanceTypes": ["t4g.small"]}
    account.expect("ec2", "describe_instance_types", {"InstanceTypes": [host]}, asked)
    result = account.check(conditions.image)
    assert (result.state, NEO4J_DIGEST in result.finding) == (state, True)
    assert f"{NEO4J_TAG} is {NEWEST if architectures else 'gone'}" in result.finding
    host_name, _, repository = NEO4J_REPOSITORY.partition("/")
    token = "https://registry.example/token?service=registry&scope=pull"  # noqa: S105
    manifests = [f"https://{host_name}/v2/{repository}/manifests/{which}" for which in (NEO4J_DIGEST, NEO4J_TAG)]
    assert registry.asked == [url for manifest in manifests for url in (manifest, token, manifest)]
