"""The ports of the cloud on loopback: which, whether they are free, and who holds one that is not."""

import json
import secrets
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import psutil

from local.component import LOOPBACK, CloudError, Narrate
from scripts.common.loopback import NO_IPV6
from scripts.common.output_files import replace_file

FILE = "ports.json"
_LOOPBACKS = ((socket.AF_INET, LOOPBACK), (socket.AF_INET6, "::1"))
COMPONENTS = ("postgres", "neo4j", "aws", "api", "console")


@dataclass(frozen=True, kw_only=True)
class Ports:
    """Where the components listen."""

    aws: int = 4566
    postgres: int = 15432
    neo4j: int = 17687
    api: int = 18080
    console: int = 18090

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Self:
        """Read LOCAL_AWS_PORT and its like; raise CloudError for what cannot be one."""
        given = {name: environment[variable(name)] for name in COMPONENTS if environment.get(variable(name))}
        for name, port in given.items():
            if not (port.isdecimal() and 0 < int(port) < 2**16):
                raise CloudError(f"{variable(name)}: {port!r} is not a port")
        ports = cls(**{name: int(port) for name, port in given.items()})
        if len(set(asdict(ports).values())) < len(COMPONENTS):
            raise CloudError(f"two components have the same port; set {', '.join(map(variable, COMPONENTS))} apart")
        return ports

    def remember(self, folder: Path) -> None:
        """Keep them, so that a later command need not name them again."""
        with replace_file(folder / FILE) as file:
            json.dump({variable(name): str(port) for name, port in asdict(self).items()}, file)

    @staticmethod
    def remembered(folder: Path, narrate: Narrate) -> dict[str, str]:
        """Return what was kept, as the variables that set it; empty where nothing was, or where it is damaged."""
        file = folder / FILE
        try:
            return {str(name): str(port) for name, port in dict(json.loads(file.read_text())).items()}
        except FileNotFoundError:
            return {}
        except (ValueError, TypeError):
            narrate(f"{file} is damaged: the ports are the usual ones again, or those that LOCAL_…_PORT set")
            return {}

    @classmethod
    def free(cls) -> Self:
        """Pick free ones, below those that outgoing connections get: those of stopped components stay free."""
        found: set[int] = set()
        while len(found) < len(COMPONENTS):
            if is_free(port := 20000 + secrets.randbelow(10000)):
                found.add(port)
        return cls(**dict(zip(COMPONENTS, found, strict=True)))


def variable(name: str) -> str:
    """Return the name of the variable that sets the component's port."""
    return f"LOCAL_{name.upper()}_PORT"


def is_free(port: int) -> bool:
    """Say whether nobody listens on the port of loopback; raises CloudError for one that this user may not have."""
    return all(_is_free_at(family, host, port) for family, host in _LOOPBACKS)


def _is_free_at(family: socket.AddressFamily, host: str, port: int) -> bool:
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except PermissionError:
            raise CloudError(f"port {port} is not for ordinary users to listen on; choose one from 1024 on") from None
        except OSError as error:
            return error.errno in NO_IPV6
        return True


def listens(pid: int | None, port: int) -> bool:
    """Say whether the process, one of a component, listens on the port."""
    try:
        connections = psutil.Process(pid).net_connections("tcp") if pid else []
    except psutil.AccessDenied:
        # Root's Postgres, which runs as nobody, in a container where root may look into its own processes only. It
        # proves itself: its clients ask for SCRAM.
        return True
    return any(_is_listening(connection, port) for connection in connections)


def holder(port: int) -> psutil.Process | None:
    """Return the process that listens on the port, when the system lets us know; macOS tells only root."""
    with suppress(psutil.Error):
        for connection in psutil.net_connections("tcp"):
            if _is_listening(connection, port) and connection.pid:
                return psutil.Process(connection.pid)
    return None


def _is_listening(connection: Any, port: int) -> bool:
    return bool(connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port)
