"""What Locust runs, in an environment of its own: people who post as fast as they are answered."""

import os
import time
import uuid

from locust import FastHttpUser, task

KINDS = ("recall", "peel", "peel", "keep", "mark_good")


class Person(FastHttpUser):
    """One person with a token; everybody's events are their own."""

    def on_start(self) -> None:
        """Begin with an event."""
        self.headers = {"Authorization": f"Bearer {os.environ['TOKEN']}"}
        self.event, self.number = str(uuid.uuid4()), 0

    @task
    def post(self) -> None:
        """Post one interaction; every twentieth begins another event."""
        self.number += 1
        if self.number % 20 == 0:
            self.event = str(uuid.uuid4())
        kind = KINDS[self.number % len(KINDS)]
        body = {"kind": kind, "event_id": self.event, "artifact_id": f"a-{self.number}", "timestamp": time.time()}
        with self.client.post("/interaction", json=body, headers=self.headers, catch_response=True) as response:
            if response.status_code != 200 or response.json()["status"] != "ok":
                response.failure(f"{response.status_code}: {response.text[:200]}")
