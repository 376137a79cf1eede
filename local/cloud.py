"""The cloud as one thing: its components brought up and down together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from local.answer import await_answer, check_listener
from local.component import LOOPBACK, CloudError, Component, Narrate
from local.console import ConsoleComponent
from local.folder import check
from local.front.component import FrontComponent
from local.ministack import MiniStack
from local.neo4j import USER, Neo4j
from local.passwords import passwords
from local.ports import COMPONENTS, Ports, holder, is_free, listens, variable
from local.postgres import ANALYST, APP, EVENT_STATUS, OPERATOR, OWNER, Postgres
from local.supervisor import RUNNING, Supervisor

FIRST_START_MEGABYTES = 500  # the jars, the stores, and what the deploy makes, rounded up


def silently(_told: str) -> None:
    """Narrate to nobody."""


@dataclass(frozen=True, kw_only=True)
class Cloud:
    """The laptop's cloud in one folder. Several, in several folders and on several ports, run side by side.

    `java` are more options for the virtual machine of Neo4j.
    """

    folder: Path
    ports: Ports = field(default_factory=Ports)
    java: tuple[str, ...] = ()

    def up(self, components: Sequence[str] = COMPONENTS, narrate: Narrate = silently) -> None:
        """Start what does not run, side by side, and return when all of these components answer.

        What runs goes on undisturbed. Raises CloudError when a port is taken or a component does not come up.
        """
        chosen = [component for component in self._components if component.name in components]
        if not self._supervisor.alive():
            self._supervisor.sweep()
        self._check_ports(chosen)
        self._supervisor.keep(component.program() for component in self._components)
        for component in chosen:
            if self._supervisor.state(component.name) not in RUNNING:
                component.prepare(narrate)
                self._supervisor.start(component.name)
        for component in chosen:
            narrate(f"{component.name}: waiting for its answer")
            await_answer(component, self._supervisor)
            component.settle()

    def down(self) -> None:
        """Stop everything, the supervisor too; the stores keep their data."""
        self._supervisor.shut_down()

    def start(self, component: str) -> None:
        """Start one component and wait until it answers."""
        self.up([component])

    def stop(self, component: str) -> None:
        """Stop one component and wait until it has ended."""
        self._supervisor.stop(component)

    def make_graph(self, files: Path) -> None:
        """Make a graph from files for Neo4j's importer, beside the one that runs."""
        self._neo4j.make_store(files)

    def take_graph(self) -> None:
        """Put that graph in place of the one that runs; Neo4j is away for some seconds."""
        self.stop("neo4j")
        try:
            self._neo4j.take_store()
        finally:
            self.start("neo4j")

    def pid(self, component: str) -> int:
        """Return the process id of a component that runs: the server itself, not a wrapper."""
        if pid := self._supervisor.pid(component):
            return pid
        raise CloudError(f"{component} does not run")

    def check_aws(self) -> None:
        """Raise CloudError unless it is the AWS endpoint that listens at its port, and not another user's process."""
        check_listener(self._aws, self._supervisor)

    def status(self) -> dict[str, str]:
        """Return each component's state in the supervisor's words: RUNNING, STOPPED, EXITED, FATAL …"""  # noqa: D400, D415
        return {component: self._supervisor.state(component) for component in COMPONENTS}

    def secrets(self) -> dict[str, Mapping[str, str | int]]:
        """Return the stores' secrets as Secrets Manager is to hold them, by the last part of their names."""
        return {
            "postgres": self._postgres.secret(APP),
            "postgres-operator": self._postgres.secret(OPERATOR),
            "postgres-event-status": self._postgres.secret(EVENT_STATUS),
            "postgres-owner": self._postgres.secret(OWNER),
            "neo4j": self._neo4j.secret(),
        }

    def environment(self) -> dict[str, str]:
        """Return the variables by which commands and tests find the components."""
        graph = self._neo4j.secret()
        return {
            "API_URL": self._front.url,
            "USER_POOL_ENDPOINT": self._front.sign_in_url,
            "DATABASE_URL": self._postgres.url(OWNER),
            "APP_DATABASE_URL": self._postgres.url(APP),
            "ANALYST_DATABASE_URL": self._postgres.url(ANALYST),
            **self._postgres.libpq_variables(ANALYST),
            "NEO4J_URI": graph["uri"],
            "NEO4J_USER": graph["username"],
            "NEO4J_PASSWORD": graph["password"],
            **self._aws.variables(),
        }

    def _check_ports(self, components: Sequence[Component]) -> None:
        for component in components:
            if not is_free(component.port) and not listens(self._supervisor.pid(component.name), component.port):
                process = holder(component.port)
                by = f" by {process.name()} (pid {process.pid})" if process else ""
                taken = f"{component.name}: port {component.port} is taken{by}"
                raise CloudError(f"{taken}; set {variable(component.name)} to another")

    @cached_property
    def _folder(self) -> Path:
        folder = self.folder.resolve()
        check(folder, free_megabytes=0 if (folder / "neo4j" / "data").exists() else FIRST_START_MEGABYTES)
        folder.chmod(0o700)  # whatever the umask, and whoever made it: tools put secrets in it for all to read
        return folder

    def console_address(self) -> str:
        """Return an address that opens the console once."""
        return self._console.address()

    @property
    def _components(self) -> tuple[Component, ...]:
        """What needs the longest preparing is the last: the others come up meanwhile."""
        return (self._aws, self._front, self._console, self._postgres, self._neo4j)

    @cached_property
    def _supervisor(self) -> Supervisor:
        return Supervisor(self._folder)

    @cached_property
    def _passwords(self) -> dict[str, str]:
        return passwords(self._folder)

    @cached_property
    def _postgres(self) -> Postgres:
        folder = self._folder / "postgres"
        return Postgres(folder=folder, port=self.ports.postgres, passwords=self._passwords)

    @cached_property
    def _neo4j(self) -> Neo4j:
        password = self._passwords["neo4j"]
        return Neo4j(folder=self._folder / "neo4j", port=self.ports.neo4j, password=password, java=self.java)

    @cached_property
    def _aws(self) -> MiniStack:
        keys = {name: self._passwords[f"aws_{name}"] for name in ("access_key_id", "secret_access_key")}
        return MiniStack(folder=self._folder / "aws", port=self.ports.aws, **keys)

    @cached_property
    def _front(self) -> FrontComponent:
        # Not `localhost`: that is ::1 first, where Neo4j does not listen and another user of the machine may.
        bolt = f"{USER}@{LOOPBACK}:{self.ports.neo4j}"
        return FrontComponent(folder=self._folder, port=self.ports.api, endpoint=self._aws.endpoint, bolt=bolt)

    @cached_property
    def _console(self) -> ConsoleComponent:
        return ConsoleComponent(folder=self._folder, port=self.ports.console)
