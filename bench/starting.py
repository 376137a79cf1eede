"""How long a fresh process of the API function takes to its first answer, beside a bare sender to SQS.

And what a later request costs: its processor time, from which follow duration and price for each size of memory.
"""

import base64
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from stacks.config.costs import PRICES

CORE_MEGABYTES = 1769
SQS_SECONDS = 0.01  # an estimate
RUNTIME = Path(__file__).parents[1] / "runtime"
SENDER = """
import time
began = time.perf_counter()
import os
import botocore.session
client = botocore.session.get_session().create_client("sqs")
client.send_message(QueueUrl=os.environ["QUEUE_URL"], MessageBody="{}", MessageAttributes={})
print(time.perf_counter() - began)
"""
FUNCTION = """
import time
began = time.perf_counter()
import json, os
from app import app
answer = app(json.loads(os.environ["REQUEST"]), None)
assert answer["statusCode"] == 200, answer
print(time.perf_counter() - began)
"""
REQUESTS = 300
LATER = f"""
import time, json, os
from app import app
request = json.loads(os.environ["REQUEST"])
for number in range(20):
    app(request, None)
began = time.process_time()
for number in range({REQUESTS}):
    app(request, None)
print((time.process_time() - began) / {REQUESTS})
"""
CLAIMS = {"sub": "alice", "token_use": "id", "aud": "webapp", "cognito:username": "alice", "auth_time": "1767225600"}
REQUEST = {
    "httpMethod": "POST",
    "path": "/interaction",
    "resource": "/interaction",
    "headers": {"content-type": "application/json"},
    "multiValueQueryStringParameters": None,
    "pathParameters": None,
    "stageVariables": None,
    "isBase64Encoded": False,
    "body": json.dumps({"kind": "recall", "timestamp": 1767225600, "metadata": {"query": "made up"}}),
    "requestContext": {"authorizer": {"claims": CLAIMS}, "resourcePath": "/interaction", "httpMethod": "POST"},
}


class _Queue(BaseHTTPRequestHandler):
    """Answers SendMessage as SQS does."""

    def do_POST(self) -> None:
        sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        digest = hashlib.md5(sent["MessageBody"].encode(), usedforsecurity=False).hexdigest()
        answer = json.dumps({"MessageId": "m", "MD5OfMessageBody": digest}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def _queue() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Queue) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def seconds() -> tuple[float, float]:
    """Return the seconds of one fresh process each: the function's import and first request, and the bare sender."""
    with _queue() as url:
        return _run(FUNCTION, url), _run(SENDER, url)


def cpu_seconds() -> float:
    """Return the processor time of one request in a process that has answered others."""
    with _queue() as url:
        return _run(LATER, url)


def by_memory(cpu_seconds: float) -> list[list[str]]:
    """Return, for sizes of memory, what share of a core the function has, how long a request takes, and its price.

    Lambda gives a whole core at 1,769 MB. The time that SQS takes to answer is the same for all.
    """
    rows = [["memory", "share of a core", "a request", "a million requests"]]
    for megabytes in (256, 512, 1024, 1769):
        share = megabytes / CORE_MEGABYTES
        duration = cpu_seconds / share + SQS_SECONDS
        dollars = 1e6 * duration * megabytes / 1024 * PRICES["function memory"].dollars
        rows.append([f"{megabytes:,} MB", f"{share:.2f}", f"{duration * 1000:.0f} ms", f"${dollars:.2f}"])
    return rows


def _run(code: str, url: str) -> float:
    environment = {
        **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": base64.b64encode(b"test").decode(),
        "AWS_DEFAULT_REGION": "us-east-1",
        "PYDANTIC_DISABLE_PLUGINS": "__all__",  # as the stack sets it
        "QUEUE_URL": f"{url}/queue",
        "CORS_ORIGIN": "*",
        "USER_POOL_CLIENT_IDS": "webapp",
        "REQUEST": json.dumps(REQUEST),
    }
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=RUNTIME, env=environment, capture_output=True, text=True, check=True)  # noqa: S603
    return float(done.stdout.split()[-1])
