"""The environment variables of every process that is started here: set, kept for a reason, or taken away.

Standard library only, because the installation needs this before anything is installed.
"""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HOME = os.path.expanduser("~")  # noqa: PTH111  Path.home() raises for a user without one
COMMANDS = (ROOT / ".venv" / "bin", ROOT / "node_modules" / ".bin")

# UTF-8, because Java and Python read paths by it. macOS had no C.UTF-8 for long, and always has the other.
LOCALE = "en_US.UTF-8" if sys.platform == "darwin" else "C.UTF-8"

LOOPBACK_HOSTS = "localhost,127.0.0.1,::1"

# Whose account and which database: for our own stores and endpoint they are never the person's.
# As `sed -E` reads it too: .local/env takes the same away from a shell.
ACCOUNT = "AWS_[A-Z0-9_]*|PG[A-Z]+(_TIMEOUT)?"
NO_ACCOUNT = {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}

# They change how a program runs, or where a package goes; nothing that is started here wants that of the person.
_CHANGES_PROGRAMS = re.compile(
    r"PYTHON.*|VIRTUAL_ENV.*|NODE_(OPTIONS|ENV|PATH)|JAVA_.*|JDK_.*|_JAVA_.*|CLASSPATH|CDK_.*|JSII_.*|NEO4J_.*"
    r"|LD_PRELOAD|DYLD_INSERT_LIBRARIES|BASH_ENV|ENV|SHELLOPTS|CDPATH|LC_.*|LANG|LANGUAGE|TZ|MAKE.*|MFLAGS"
)
# Of these tools' own variables, where packages come from and how they are reached is the person's to say; the rest
# (another target, another Python, no development packages …) would install something else.
_INSTALLERS = re.compile(r"(PIP|UV|NPM_CONFIG)_(?P<setting>.*)", re.IGNORECASE)
_SOURCES = re.compile(
    r".*(INDEX|LINKS|HOST|PROXY|REGISTRY|AUTH|CERT|SSL|TLS|CACHE|CONFIG|TIMEOUT|RETRIES|KEYRING|OFFLINE).*|CA(FILE)?|KEY",
    re.IGNORECASE,
)
# What pip's configuration says, which uv does not read, under uv's names.
_UV_NAMES = {
    "PIP_INDEX_URL": "UV_DEFAULT_INDEX",
    "PIP_EXTRA_INDEX_URL": "UV_INDEX",
    "PIP_TRUSTED_HOST": "UV_INSECURE_HOST",
    "PIP_PROXY": "ALL_PROXY",
    "PIP_CERT": "SSL_CERT_FILE",
}
# GitHub's Pythons do not start without; Postgres and Java bring their own libraries and go without.
_LIBRARIES = "LD_LIBRARY_PATH"
OWN_LIBRARIES = {_LIBRARIES: ""}


def of_components(folder: Path) -> dict[str, str]:
    """Return what Postgres, Neo4j, the AWS endpoint and its functions get: nothing of the person's own."""
    return {
        _LIBRARIES: os.environ.get(_LIBRARIES, ""),
        "PATH": f"{COMMANDS[0]}{os.pathsep}{os.defpath}",
        "HOME": str(folder),  # not the person's, with .aws, .pgpass and .postgresql in it
        "TMPDIR": str(folder / "tmp"),
        "LC_ALL": LOCALE,
        "TZ": "UTC",
        "PYTHONUTF8": "1",
        **NO_ACCOUNT,
        **_loopback_without_proxy(),
    }


def of_installation() -> dict[str, str]:
    """Return what pip, uv and npm get: proxies, certificates, indexes and caches as the person has set them."""
    kept = {name: value for name, value in os.environ.items() if _is_kept(name)}
    path = os.pathsep.join([*map(str, COMMANDS), os.environ.get("PATH", os.defpath)])
    trusted = {"UV_SYSTEM_CERTS": "1", "NODE_USE_SYSTEM_CA": "1"}  # a company's own certificates, too
    own = {"PATH": path, "LC_ALL": LOCALE, "PYTHONUTF8": "1", "PIP_USER": "0"}
    return trusted | kept | _writable() | own | _loopback_without_proxy()


def of_cdk(folder: Path) -> dict[str, str]:
    """Return what cdk gets, which deploys to the local endpoint, and whose synth runs uv: no account of a person."""
    installation = {name: value for name, value in of_installation().items() if not re.fullmatch(ACCOUNT, name)}
    # Of the person's home, where a .cdk.json may name another app or a profile, uv needs these, and cdk nothing.
    uv_cache = {"UV_CACHE_DIR": f"{HOME}/.cache/uv"}
    pip = uv_cache | pip_settings(Path(sys.executable)) | {"NETRC": f"{HOME}/.netrc"}
    caches = {"CDK_HOME": str(folder), "JSII_RUNTIME_PACKAGE_CACHE_ROOT": str(folder / "jsii")}
    return pip | installation | NO_ACCOUNT | caches | {"HOME": str(folder), "TMPDIR": str(folder / "tmp")}


def pip_settings(python: Path) -> dict[str, str]:
    """Return what the person's configuration files and variables tell this Python's pip, as pip's variables."""
    command = (str(python), "-m", "pip", "config", "list")
    listed = subprocess.run(command, env=of_installation(), capture_output=True, text=True, check=False)  # noqa: S603
    settings = (line.partition("=") for line in listed.stdout.splitlines())
    named = (
        (f"PIP_{name.rpartition('.')[2].upper().replace('-', '_')}", value) for name, _, value in settings if value
    )
    return {name: " ".join(ast.literal_eval(value).split()) for name, value in named if _is_kept(name)}


def uv_indexes(python: Path) -> dict[str, str]:
    """Return where a person's pip.conf has packages from, for uv; a variable of uv's own says more than that."""
    settings = pip_settings(python)
    found = {_UV_NAMES[name]: value for name, value in settings.items() if name in _UV_NAMES}
    # As pip does: whichever index has the file whose hash is pinned.
    return {"UV_INDEX_STRATEGY": "unsafe-best-match"} | found


def leave_accounts() -> None:
    """Make this process forget the person's accounts and databases, and reach loopback without a proxy."""
    for name in [name for name in os.environ if re.fullmatch(ACCOUNT, name)]:
        del os.environ[name]
    os.environ.update(NO_ACCOUNT | _loopback_without_proxy())


def _is_kept(name: str) -> bool:
    if installers := _INSTALLERS.fullmatch(name):
        return bool(_SOURCES.fullmatch(installers["setting"]))
    return not _CHANGES_PROGRAMS.fullmatch(name)


def _loopback_without_proxy() -> dict[str, str]:
    """Return the exceptions from the proxy, loopback among them; tools differ in which of the two names they read."""
    excepted = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
    value = ",".join(filter(None, (LOOPBACK_HOSTS, excepted)))
    return {"no_proxy": value, "NO_PROXY": value}


def _writable() -> dict[str, str]:
    """Return places for what the tools keep, where the person's own home or folder for temporary files is of no use."""
    cache = ROOT / ".local" / "cache"
    places: dict[str, str] = {}
    if not os.access(HOME, os.W_OK):
        places |= {"UV_CACHE_DIR": str(cache / "uv"), "npm_config_cache": str(cache / "npm")}
    if (temporary := os.environ.get("TMPDIR")) and not os.access(temporary, os.W_OK | os.X_OK):
        places |= {"TMPDIR": "/tmp"}  # noqa: S108  as without it
    return places
