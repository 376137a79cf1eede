"""A steady stream of POSTs, each repeated until it is answered "ok", with what each took."""

import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from statistics import quantiles

import requests

SENDERS = 8
GIVE_UP_SECONDS = 120
PAUSE_SECONDS = 0.5


@dataclass
class Stream:
    """So many POSTs, spread over so many seconds."""

    url: str
    token: str
    posts: int
    seconds: float
    name: str = field(default_factory=lambda: f"fault-{uuid.uuid4()}")
    accepted: list[str] = field(default_factory=list)
    """Artifacts that were answered "ok"."""
    requests: list[tuple[float, float]] = field(default_factory=list)
    """When each request began, repeated ones too, and the seconds it took."""
    retries: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self) -> None:
        """Post all of them."""
        began = time.monotonic()
        with ThreadPoolExecutor(SENDERS) as pool:
            for sent in [pool.submit(self._post, n, began + n * self.seconds / self.posts) for n in range(self.posts)]:
                sent.result()

    def p99_ms(self, since: float, until: float) -> float:
        """Return the 99th percentile, in milliseconds, of the requests that were under way between two moments."""
        took = [seconds for began, seconds in self.requests if since <= began + seconds and began < until]
        return quantiles(took, n=100)[98] * 1000

    def _post(self, number: int, due: float) -> None:
        time.sleep(max(0.0, due - time.monotonic()))
        artifact = f"{self.name}-{number}"
        body = {"kind": "peel", "artifact_id": artifact, "event_id": self.event(number), "timestamp": time.time()}
        until = time.monotonic() + GIVE_UP_SECONDS
        while not self._once(body):
            if time.monotonic() > until:
                raise AssertionError(f"not accepted for {GIVE_UP_SECONDS} s")
            time.sleep(PAUSE_SECONDS)
        with self._lock:
            self.accepted.append(artifact)

    def event(self, number: int) -> str:
        """Ten posts belong to one event."""
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self.name} {number // 10}"))

    def _once(self, body: dict[str, object]) -> bool:
        began = time.monotonic()
        try:
            headers = {"Authorization": f"Bearer {self.token}"}
            response = requests.post(f"{self.url}/interaction", json=body, headers=headers, timeout=30)
            answer = "retry" if response.status_code >= 500 else response.json()["status"]
        except requests.RequestException:
            answer = "retry"
        with self._lock:
            self.requests.append((began, time.monotonic() - began))
            self.retries += answer == "retry"
        assert answer in {"ok", "retry"}, answer
        return bool(answer == "ok")
