"""`runtime/` as Chalice packages it: a SAM template, the code's archive and the layer of dependencies.

`chalice.cdk.Chalice` does nearly this. It is not used because it keeps each synth's archives under a random name for
ever, imports runtime/app.py into this process (where `app` may be another module), ships `__pycache__`, and names an
asset by its archive, whose order of files is the disk's: one commit would have several templates.
"""

import atexit
import functools
import json
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any, Final, cast

import aws_cdk as cdk
import chalice
from aws_cdk import aws_s3_assets as assets
from aws_cdk import aws_sam as sam
from aws_cdk import cloudformation_include as include
from constructs import Construct

from stacks.config.environment import Environment

RUNTIME: Final = Path(__file__).parents[2] / "runtime"
_LAYER: Final = "managed-layer-*.zip"
# Chalice asks for roles before the stack has any; every function gets its own in their place.
_NO_ROLE: Final = "arn:aws:iam::000000000000:role/replaced-by-the-stack"
# Chalice wants some region and stage to write its template; neither is in it.
_REGION: Final = "us-east-1"
_STAGE: Final = "package"
_NOT_SOURCE: Final = ["__pycache__", "deployments"]


class Package(Construct):
    """The Chalice app's functions, under the logical ids that Chalice gives them, and its routes."""

    version: str
    """32 hexadecimal digits that change with the code, the migrations or the dependencies."""
    routes: dict[str, Any]
    """The REST API as an OpenAPI 2 document; its integrations name the function by logical id."""

    def __init__(self, scope: Construct, id_: str, *, environment: Environment, runtime: Path = RUNTIME) -> None:
        super().__init__(scope, id_)
        contents = cdk.FileSystem.fingerprint(str(runtime), exclude=_NOT_SOURCE)
        made = _packaged(runtime, contents, environment.architecture)
        self._include(made / "runtime", made / "package", environment=environment)

    def function(self, name: str) -> sam.CfnFunction:
        """Return the function with that logical id."""
        return cast("sam.CfnFunction", self._resources.get_resource(name))

    @property
    def functions(self) -> dict[str, str]:
        """The functions' own names, by logical id."""
        every = self._resources.node.find_all()
        return {one.node.id: one.ref for one in every if isinstance(one, sam.CfnFunction)}

    def _include(self, source: Path, output: Path, *, environment: Environment) -> None:
        """Take Chalice's template over, with its archives as assets named for what went into them."""
        layer = self._asset(
            "Dependencies",
            output / "layer-deployment.zip",
            of=source / "requirements.txt",
            extra=f"{sys.version_info[:2]} {environment.architecture}",
        )
        code = self._asset("Code", output / "deployment.zip", of=source, extra=chalice.__version__)
        self.version = code.asset_hash[:16] + layer.asset_hash[:16]

        template = json.loads((output / "sam.json").read_text())
        template["Outputs"] = {}  # the service stack names its own
        # The API is made from its routes by CDK itself, whose gateway responses are part of each deployment.
        del template["Resources"]["APIHandlerInvokePermission"]
        self.routes = template["Resources"].pop("RestAPI")["Properties"]["DefinitionBody"]
        path = output / "functions.json"
        path.write_text(json.dumps(template))
        self._resources = include.CfnInclude(self, "Chalice", template_file=str(path), preserve_logical_ids=True)
        for resource in self._resources.node.find_all():
            if isinstance(resource, sam.CfnFunction):
                resource.code_uri = sam.CfnFunction.S3LocationProperty(
                    bucket=code.s3_bucket_name, key=code.s3_object_key
                )
            elif isinstance(resource, sam.CfnLayerVersion):
                resource.content_uri = sam.CfnLayerVersion.S3LocationProperty(
                    bucket=layer.s3_bucket_name, key=layer.s3_object_key
                )

    def _asset(self, id_: str, archive: Path, *, of: Path, extra: str) -> assets.Asset:
        contents = cdk.FileSystem.fingerprint(str(of), exclude=[".chalice"], extra_hash=extra)
        return assets.Asset(self, id_, path=str(archive), asset_hash=contents, asset_hash_type=cdk.AssetHashType.CUSTOM)


@functools.cache
def _packaged(runtime: Path, _contents: str, architecture: str) -> Path:
    """Return a folder with `runtime` and its `package`, made once for all environments of an architecture.

    It lasts as long as this process. Fails when a dependency has no package for the architecture.
    """
    cache = runtime / ".chalice" / "deployments"
    cache.mkdir(parents=True, exist_ok=True)
    # A folder of its own, so that synths side by side never see each other's half-written archives; beside the
    # cache, so that a finished layer moves there in one step.
    with TemporaryDirectory(dir=cache) as folder:
        source, output = Path(folder, "runtime"), Path(folder, "package")
        shutil.copytree(runtime, source, ignore=shutil.ignore_patterns(*_NOT_SOURCE))
        _run_chalice(source, output, cache=cache, architecture=architecture)
        made = Path(mkdtemp(prefix="interaction-tracker-"))
        atexit.register(shutil.rmtree, made, ignore_errors=True)
        for part in (source, output):
            shutil.move(part, made)
    return made


def _run_chalice(source: Path, output: Path, *, cache: Path, architecture: str) -> None:
    """Package `source` into `output`, with the cached layer if it is still the right one."""
    _configure(source / ".chalice" / "config.json", architecture)
    layers = source / ".chalice" / "deployments"
    layers.mkdir()
    for layer in cache.glob(_LAYER):
        (layers / layer.name).hardlink_to(layer)
    done = subprocess.run(  # noqa: S603 - nobody's input
        [
            "/usr/bin/env",
            f"AWS_DEFAULT_REGION={_REGION}",
            "PYTHONDONTWRITEBYTECODE=1",
            *(Path(sys.executable).with_name("chalice"), "--project-dir", source),
            *("package", "--stage", _STAGE, output),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    # Chalice only remarks on a missing dependency, and exits 0.
    if done.returncode or "Could not install dependencies" in done.stdout:
        raise RuntimeError(f"Chalice could not package runtime/:\n{done.stdout}{done.stderr}")
    for layer in layers.glob(_LAYER):
        layer.replace(cache / layer.name)


def _configure(file: Path, architecture: str) -> None:
    settings = json.loads(file.read_text()) | {
        "automatic_layer": True,  # pip runs only when requirements.txt has changed
        "manage_iam_role": False,
        "iam_role_arn": _NO_ROLE,
        "lambda_architecture": architecture,
    }
    file.write_text(json.dumps(settings))
