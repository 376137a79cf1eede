"""Sends what waits in the queue, oldest first, one request at a time."""

import base64
import json
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

import httpx

from interaction_client.answer import Answer, Outcome, Verdict, judge
from interaction_client.clock import Clock
from interaction_client.model import OnRejected, Token
from interaction_client.queue import DiskQueue, Row

MAX_ROWS = 100  # the API takes so many
MAX_BYTES = 200_000  # of its 256 KiB, which also have to hold the ids that it adds
TIMEOUT_SECONDS = 30.0  # API Gateway waits 29 s for its function
LOG = logging.getLogger("interaction_client")


@dataclass(frozen=True)
class Next:
    """What the sender's loop does next."""

    kind: Literal["more", "empty", "later", "paused"]
    reason: str | None = None
    floor_seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Sender:
    """Sends for one user; only one sender at a time may use a queue."""

    url: str
    user: str
    token: Token
    queue: DiskQueue
    clock: Clock
    on_rejected: OnRejected

    def attempt(self, client: httpx.Client, max_rows: int = MAX_ROWS) -> Next:
        """Send one batch. Whatever fails, the interactions stay in the queue."""
        try:
            if not (waiting := self.queue.oldest(max_rows)):
                return Next("empty")
            self._measure_clock(client)
            rows = self._finalize(_fitting(waiting))
            outcome = self._post(client, rows)
            if outcome.kind == "split" and len(rows) > 1:
                return self.attempt(client, (len(rows) + 1) // 2)
            return self._apply(rows, outcome)
        except Exception as error:  # noqa: BLE001  the caller's token function may raise anything
            return Next("later", f"{type(error).__name__}: {error}")

    def _measure_clock(self, client: httpx.Client) -> None:
        """Ask for the time. Any answer tells it; API Gateway gives this one by itself, at once and without a token."""
        self.clock.restore(self.queue.read_clock())
        if not self.clock.is_known:
            self._send(client, client.build_request("GET", self._address))

    def _finalize(self, rows: Sequence[Row]) -> list[Row]:
        """Correct the rows' times, and store them so, before they are first sent."""
        final = [row if row.is_final else self._final(row) for row in rows]
        self.queue.finalize([new for new, row in zip(final, rows, strict=True) if not row.is_final])
        return final

    def _final(self, row: Row) -> Row:
        payload = row.payload
        return Row.of(row.id, payload | {"timestamp": self.clock.correct(payload["timestamp"])})

    def _post(self, client: httpx.Client, rows: Sequence[Row]) -> Outcome:
        """Post the rows, and once more with a new token if the first is refused."""
        body = '{"interactions":[' + ",".join(row.text for row in rows) + "]}"
        for refresh in (False, True):
            token = self.token(refresh)
            if user_of(token) != self.user:
                return Outcome("token", "the token is another user's")
            headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
            request = client.build_request("POST", self._address, headers=headers, content=body.encode())
            outcome = judge(self._send(client, request), len(rows), self.clock.now)
            if outcome.kind != "token":
                break
        return outcome

    def _send(self, client: httpx.Client, request: httpx.Request) -> Answer:
        sent_at = time.time()
        response = client.send(request)
        self.queue.write_clock(self.clock.learn(response.headers.get("date"), sent_at))
        return Answer(response.status_code, response.text, response.headers.get("retry-after"))

    @property
    def _address(self) -> str:
        return f"{self.url}/interactions"

    def _apply(self, rows: Sequence[Row], outcome: Outcome) -> Next:
        if outcome.kind == "verdicts":
            return self._settle(rows, outcome.verdicts, outcome.floor_seconds)
        if outcome.kind == "split":
            return self._settle(rows, [Verdict(outcome.reason)], 0.0)
        if outcome.kind == "retry":
            return Next("later", outcome.reason, outcome.floor_seconds)
        return Next("paused", outcome.reason)

    def _settle(self, rows: Sequence[Row], verdicts: Sequence[Verdict | None], floor_seconds: float) -> Next:
        settled = [(row, verdict.reason) for row, verdict in zip(rows, verdicts, strict=True) if verdict]
        for rejected in self.queue.settle(settled):
            try:
                self.on_rejected(rejected)
            except Exception:
                LOG.exception("on_rejected failed")
        if len(settled) == len(rows):
            return Next("more")
        return Next("later", "the API asks for another attempt", floor_seconds)


def new_client(url: str) -> httpx.Client:
    """Return a client for the API at this address; its every step has a time limit.

    It reaches an http: address, which is this machine's, without the proxy of the environment: that is on the network,
    and would get the token in clear text.
    """
    is_secure = urlsplit(url).scheme == "https"
    return httpx.Client(timeout=TIMEOUT_SECONDS, follow_redirects=False, trust_env=is_secure)


def user_of(token: str) -> str | None:
    """Return the user (`sub`) whom an ID token names, None if it cannot be read. The API checks the signature."""
    try:
        payload = token.split(".")[1]
        claims: Any = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        user = claims["sub"]
    except (IndexError, ValueError, KeyError, TypeError):
        return None
    return user if isinstance(user, str) else None


def _fitting(rows: Sequence[Row]) -> list[Row]:
    """Return the first rows that one request may hold, at least one."""
    total = 0
    fitting: list[Row] = []
    for row in rows:
        total += len(row.text.encode()) + 1
        if fitting and total > MAX_BYTES:
            break
        fitting.append(row)
    return fitting
