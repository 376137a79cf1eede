"""How long a fresh process of the API function takes to its first answer, beside a bare sender to SQS."""

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


def _run(code: str, url: str) -> float:
    environment = {
        **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": base64.b64encode(b"test").decode(),
        "AWS_DEFAULT_REGION": "us-east-1",
        "QUEUE_URL": f"{url}/queue",
        "CORS_ORIGIN": "*",
        "USER_POOL_CLIENT_IDS": "webapp",
        "REQUEST": json.dumps(REQUEST),
    }
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=RUNTIME, env=environment, capture_output=True, text=True, check=True)  # noqa: S603
    return float(done.stdout.split()[-1])
