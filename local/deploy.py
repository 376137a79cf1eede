"""The service's stacks, deployed by the real cdk into the local endpoint, and the file that tells where all is."""

import json
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from local.cloud import Cloud
from local.component import CloudError, Narrate
from local.environment import ACCOUNT, COMMANDS, LOOPBACK_HOSTS, of_cdk
from local.front import demo_page
from local.front.app import DEFINITION
from local.postgres import BINARIES
from scripts.common.output_files import PRIVATE, replace_file
from scripts.common.target import Target
from stacks.config.environments import LOCAL

ROOT = Path(__file__).parents[1]
CDK = COMMANDS[1] / "cdk"
CDK_SECONDS = 900  # for one command of it


def deploy(cloud: Cloud, narrate: Narrate, source: Path = ROOT) -> tuple[Target, dict[str, str]]:
    """Bring the deployed stacks up to the source; return them and the variables by which people use them.

    Raises CloudError, naming the log, when cdk fails.
    """
    environment = cloud.environment()
    target = Target.local(environment)
    bootstrap = _bootstrap_status(target)
    if bootstrap not in {"", "CREATE_COMPLETE", "UPDATE_COMPLETE"}:
        narrate("the AWS endpoint: starting afresh after a bootstrap that was cut off")
        empty(cloud)
        bootstrap = ""
    cloud.check_aws()  # the next requests hold passwords in clear
    _put_secrets(target, cloud.secrets())
    if not bootstrap:
        narrate("cdk bootstrap")
        # Away from the app, which cdk would synthesise for nothing.
        _cdk(cloud, environment, "bootstrap", f"aws://{LOCAL.account}/{LOCAL.region}", cwd=cloud.folder)
    narrate("cdk deploy 'local/*'")
    options = ["-c", "environments=local", "--require-approval", "never"]
    _cdk(cloud, environment, "deploy", "local/*", *options, cwd=source)
    pool = {"USER_POOL_ID": target.outputs["UserPoolId"], "USER_POOL_CLIENT_ID": target.outputs["UserPoolClientId"]}
    environment |= pool
    demo_page.build(cloud.folder)
    _tell_the_front(cloud.folder, target.outputs)
    _write(cloud.folder / "env", environment)
    return target, environment


def empty(cloud: Cloud) -> None:
    """Start the endpoint again, with nothing deployed; the queues' messages are kept."""
    cloud.stop("aws")
    cloud.start("aws")


def _put_secrets(target: Target, values: Mapping[str, Mapping[str, object]]) -> None:
    """Put the stores' secrets where environments with stores of their own have them."""
    secrets = target.client("secretsmanager")
    for name, value in values.items():
        secret_name, text = f"interaction-tracker/local/{name}", json.dumps(value)
        try:
            secrets.create_secret(Name=secret_name, SecretString=text)
        except secrets.exceptions.ResourceExistsException:
            secrets.put_secret_value(SecretId=secret_name, SecretString=text)


def _bootstrap_status(target: Target) -> str:
    """Return the status of cdk's own stack, empty where there is none."""
    try:
        [stack] = target.client("cloudformation").describe_stacks(StackName="CDKToolkit")["Stacks"]
    except ClientError:
        return ""
    return str(stack["StackStatus"])


def _cdk(cloud: Cloud, environment: dict[str, str], *arguments: str, cwd: Path) -> None:
    log, output_folder = cloud.folder / "deploy.log", cloud.folder / "cdk.out"
    # Of a cdk that was killed. It looks only whether a process has the number in them, which may be another's by now;
    # and nobody else deploys this cloud: see local/lock.py.
    for lock in output_folder.glob("*.lock"):
        lock.unlink()
    command = [str(CDK), *arguments, "--output", str(output_folder), "--no-notices", "--progress", "events"]
    # CDK's own validation takes 3 s; the tests run it.
    variables = of_cdk(cloud.folder) | environment | {"CDK_VALIDATION": "false"}
    with log.open("ab") as output:
        to_log: Any = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": subprocess.STDOUT}
        try:
            subprocess.run(command, cwd=cwd, env=variables, timeout=CDK_SECONDS, check=True, **to_log)  # noqa: S603
        except subprocess.SubprocessError as error:
            told = f"cdk {arguments[0]} failed" + (" to end" if isinstance(error, subprocess.TimeoutExpired) else "")
            raise CloudError(f"{told}; its log: {log}. `make down` and `make up` start afresh") from error


def _tell_the_front(folder: Path, outputs: Mapping[str, str]) -> None:
    """Write what API Gateway would know of the API, by which the front answers, and how its demo page signs in."""
    templates = (json.loads(file.read_text()) for file in (folder / "cdk.out").glob("*/*.template.json"))
    resources = (resource for template in templates for resource in template["Resources"].values())
    [api] = (resource for resource in resources if resource["Type"] == "AWS::ApiGateway::RestApi")
    with replace_file(folder / DEFINITION) as file:
        known = {"path": outputs["ApiUrl"], "user_pool_client_id": outputs["UserPoolClientId"]}
        json.dump(known | {"definition": api["Properties"]["Body"]}, file)


def _write(file: Path, environment: Mapping[str, str]) -> None:
    """Write the variables as a file to source; only its owner may read the passwords in it."""
    lines = [
        # The person's own would be mixed with what follows.
        f"unset AWS_PROFILE $(env | sed -nE 's/^({ACCOUNT})=.*/\\1/p')",
        *(f"export {name}={shlex.quote(value)}" for name, value in environment.items()),
        *(f'export {name}="{LOOPBACK_HOSTS}${{{name}:+,${name}}}"' for name in ("no_proxy", "NO_PROXY")),
        # Postgres' own psql comes last: the person's is preferred.
        f'export PATH={shlex.quote(":".join(map(str, COMMANDS)))}:"$PATH":{shlex.quote(str(BINARIES))}',
    ]
    with replace_file(file, mode=PRIVATE) as out:
        out.writelines(f"{line}\n" for line in lines)
