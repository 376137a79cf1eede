"""What people's machines have set, all of it at once; each of these stopped something somewhere."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from local.environment import leave_accounts

NOWHERE = "/nowhere"
NOBODY = "http://127.0.0.1:9"
# Longer than a Unix socket's path may be, with what shells, configuration files and Java's argument files stumble over.
FOLDER = """it's "é" here, 100 % #1 ;2 $HOME """ + "x" * 100

ACCOUNTS = {
    "AWS_PROFILE": "nobody",
    "AWS_DEFAULT_PROFILE": "nobody",
    "AWS_REGION": "eu-nowhere-1",
    "AWS_SESSION_TOKEN": "old",
    "AWS_CA_BUNDLE": NOWHERE,
    "AWS_CONFIG_FILE": NOWHERE,
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
    "AWS_ENDPOINT_URL_SQS": NOBODY,
    "PGHOST": NOWHERE,
    "PGHOSTADDR": "192.0.2.1",
    "PGPORT": "1",
    "PGUSER": "nobody",
    "PGDATABASE": "nope",
    "PGPASSWORD": "wrong",
    "PGSERVICE": "nope",
    "PGOPTIONS": "-c nope=1",
    "PGSSLMODE": "require",
    "PGSSLROOTCERT": NOWHERE,
    "PGREQUIREAUTH": "none",
    # Of http alone: what is still to be installed comes by https.
    "HTTP_PROXY": NOBODY,
    "http_proxy": NOBODY,
    "NO_PROXY": "",
    "no_proxy": "",
}
PROGRAMS = {
    "CDK_OUTDIR": NOWHERE,
    "CDK_DEFAULT_REGION": "eu-nowhere-1",
    "JSII_NODE": NOWHERE,
    "JAVA_HOME": NOWHERE,
    "JAVA_TOOL_OPTIONS": "-Xmx1m",
    "JDK_JAVA_OPTIONS": "--nope",
    "_JAVA_OPTIONS": "-Xnope",
    "CLASSPATH": NOWHERE,
    "NEO4J_HOME": NOWHERE,
    "NEO4J_CONF": NOWHERE,
    "NODE_OPTIONS": "--nope",
    "NODE_ENV": "production",
    "NODE_PATH": NOWHERE,
    "PYTHONHOME": NOWHERE,
    "PYTHONPATH": NOWHERE,
    "PYTHONWARNINGS": "error",
    "PYTHONOPTIMIZE": "2",
    "PYTHONSAFEPATH": "1",
    "PYTHONIOENCODING": "ascii",
    "PIP_TARGET": NOWHERE,
    "PIP_USER": "1",
    "VIRTUAL_ENV": NOWHERE,
    "GATEWAY_PORT": "1",
    "LAMBDA_EXECUTOR": "docker",
    "LC_ALL": "C",
    "TZ": "Asia/Kathmandu",
    "TMPDIR": NOWHERE,
}


@contextmanager
def hostile_machine() -> Iterator[None]:
    """Have all of it set, as `make` finds it on such a machine, and the strictest umask that people use."""
    kept, umask = dict(os.environ), os.umask(0o077)
    os.environ.update(ACCOUNTS | PROGRAMS)
    leave_accounts()
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(kept)
        os.umask(umask)
