"""The API that fails as told, and how its tests script it."""

import base64
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from tests.faulty_api import faulty_api


@dataclass(frozen=True)
class Api:
    url: str

    def script(self, *faults: dict[str, Any], clock_offset_seconds: float = 0) -> None:
        body = {"script": faults, "clock_offset_seconds": clock_offset_seconds}
        requests.post(f"{self.url}/control", json=body, timeout=10).raise_for_status()

    def stored(self, user: str) -> list[dict[str, Any]]:
        """Return what the API answered "ok" to, each as often as it did."""
        return list(self._seen()["stored"].get(user, []))

    def distinct(self, user: str) -> list[str]:
        """Return the artifacts of what it stored; the same content again is the same interaction."""
        contents = dict.fromkeys(json.dumps(one, sort_keys=True) for one in self.stored(user))
        return [json.loads(one)["artifact_id"] for one in contents]

    def posts(self) -> list[dict[str, Any]]:
        return [one for one in self._seen()["requests"] if one["method"] == "POST"]

    def _seen(self) -> dict[str, Any]:
        seen: dict[str, Any] = requests.get(f"{self.url}/control", timeout=10).json()
        return seen


@pytest.fixture(scope="package")
def api_url() -> Iterator[str]:
    with faulty_api() as url:
        yield url


@pytest.fixture
def api(api_url: str) -> Api:
    api = Api(api_url)
    api.script()
    return api


def token_of(user: str, seconds: float = 3600) -> str:
    """Return an ID token of the user; the API of the tests asks for no signature."""
    claims = {"sub": user, "token_use": "id", "aud": "script", "auth_time": 1, "exp": time.time() + seconds}
    return f"e30.{base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}."
