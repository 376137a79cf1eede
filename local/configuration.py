"""supervisord's configuration file for one folder."""

import os
import shlex
from collections.abc import Iterable, Mapping
from configparser import RawConfigParser
from dataclasses import dataclass, field
from pathlib import Path

CONFIGURATION = "supervisord.conf"
SOCKET = "supervisor.sock"
LOGS = "logs"
LONGEST_FOLDER = 80  # a Unix socket's path ends at about 104 bytes, and supervisord first binds a longer name


@dataclass(frozen=True, kw_only=True)
class Program:
    """A process for the supervisor."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_signal: str = "TERM"
    stop_group: bool = False
    """Signal its children too when it is to stop."""
    restart: bool = True
    """Start it again when it dies by itself."""


def is_deep(folder: Path) -> bool:
    """Say whether the folder's path is too long for a socket; it is then reached by way of /proc."""
    return len(os.fsencode(folder)) > LONGEST_FOLDER


def render(folder: Path, programs: Iterable[Program]) -> RawConfigParser:
    """Return the configuration of a supervisord that starts nothing by itself.

    Its paths are relative to the folder, in which it is to be started, because supervisord expands `%` in some
    options twice, and a checkout's path may hold one.
    """
    sections: dict[str, dict[str, object]] = {
        "unix_http_server": {
            "file": f"/proc/self/cwd/{SOCKET}" if is_deep(folder) else SOCKET,
            "chmod": "0700",
        },
        "supervisord": {
            "logfile": f"{LOGS}/supervisord.log",
            "logfile_maxbytes": "1MB",
            "logfile_backups": 1,
            "pidfile": "supervisord.pid",
        },
        "rpcinterface:supervisor": {
            "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface",
        },
    }
    sections |= {f"program:{program.name}": _section(program) for program in programs}
    parser = RawConfigParser()
    for name, options in sections.items():
        parser[name] = {option: str(value).replace("%", "%%") for option, value in options.items()}
    return parser


def _section(program: Program) -> dict[str, object]:
    return {
        "command": shlex.join(program.command),
        "environment": ",".join(f'{name}="{value}"' for name, value in program.environment.items()),
        "autostart": "false",
        "autorestart": "unexpected" if program.restart else "false",
        "startretries": 0,  # a start that fails is told at once
        "stopsignal": program.stop_signal,
        "stopwaitsecs": 30,
        "stopasgroup": program.stop_group,
        "killasgroup": True,
        "redirect_stderr": True,
        "stdout_logfile": f"{LOGS}/{program.name}.log",
        "stdout_logfile_maxbytes": "5MB",
        "stdout_logfile_backups": 1,
    }
