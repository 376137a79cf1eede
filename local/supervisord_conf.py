"""supervisord's configuration file for one folder."""

import shlex
from collections.abc import Iterable, Mapping
from configparser import RawConfigParser
from dataclasses import dataclass, field

CONFIGURATION = "supervisord.conf"
SOCKET = "supervisor.sock"
LOGS = "logs"


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


def render(socket: str, programs: Iterable[Program]) -> RawConfigParser:
    """Return the configuration of a supervisord that starts nothing by itself.

    Its paths, but for a socket's that is not in the folder, are relative to the folder in which it is to be started,
    because supervisord expands `%` in some options twice, and a checkout's path may hold one.
    """
    sections: dict[str, dict[str, object]] = {
        "unix_http_server": {
            "file": socket,
            "chmod": "0700",
        },
        "supervisord": {
            "logfile": f"{LOGS}/supervisord.log",
            "logfile_maxbytes": "1MB",
            "logfile_backups": 1,
            "childlogdir": LOGS,
            "pidfile": "supervisord.pid",
            "umask": "022",
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
    # By env, since supervisord's own option for it cannot hold a value with both kinds of quotes.
    variables = (f"{name}={value}" for name, value in program.environment.items())
    return {
        "command": _one_line(("/usr/bin/env", *variables, *program.command)),
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


def _one_line(command: Iterable[str]) -> str:
    """Quote a command so that supervisord finds no comment in it: ` #` or ` ;` begins one, in quotes as well."""
    quoted = shlex.join(command)
    for sign in "#;":
        quoted = quoted.replace(sign, f"'\"{sign}\"'")
    return quoted
