"""Packages `runtime/` with Chalice: a SAM template, an archive of the code, and a layer with its dependencies.

`chalice.cdk.Chalice` does nearly the same. It is not used because it never deletes the archives of old synths, imports
runtime/app.py into this process (where `app` may be another module), ships `__pycache__`, and names assets by a hash of
the archive, in which the order of files depends on the disk: one commit would have several templates.
"""

import atexit
import functools
import json
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any, Final, cast
from zipfile import ZipFile

import aws_cdk as cdk
import chalice
from aws_cdk import aws_s3_assets as assets
from aws_cdk import aws_sam as sam
from aws_cdk import cloudformation_include as include
from constructs import Construct

from stacks.config.environment import Environment

RUNTIME: Final = Path(__file__).parents[2] / "runtime"
_LAYER: Final = "managed-layer-*.zip"
# Chalice needs some role; every function gets its own later.
_NO_ROLE: Final = "arn:aws:iam::000000000000:role/replaced-by-the-stack"
# Chalice needs some region and stage; neither is in its template.
_REGION: Final = "us-east-1"
_STAGE: Final = "package"
# On macOS and ARM the local functions cannot load the layer. They run in this very Python, which has the same packages.
_LOADS_LAYER: Final = (sys.platform, platform.machine()) == ("linux", "x86_64")
_NOT_SOURCE: Final = ["__pycache__", "deployments"]


class Package(Construct):
    """The functions of the Chalice app, with Chalice's logical ids, and its routes."""

    version: str
    """32 hexadecimal digits; they change with the code, the migrations or the dependencies."""
    routes: dict[str, Any]
    """The REST API as an OpenAPI 2 document; its integrations refer to the function's logical id."""

    def __init__(self, scope: Construct, id_: str, *, environment: Environment, runtime: Path = RUNTIME) -> None:
        super().__init__(scope, id_)
        contents = cdk.FileSystem.fingerprint(str(runtime), exclude=_NOT_SOURCE)
        made = _packaged(runtime, contents, environment.architecture)
        self._include(made / "runtime", made / "package", environment=environment)

    def function(self, name: str) -> sam.CfnFunction:
        """Return the function with this logical id."""
        return cast("sam.CfnFunction", self._resources.get_resource(name))

    @property
    def functions(self) -> dict[str, str]:
        """The functions' names, by logical id."""
        resources = self._resources.node.find_all()
        return {one.node.id: one.ref for one in resources if isinstance(one, sam.CfnFunction)}

    def _include(self, source: Path, output: Path, *, environment: Environment) -> None:
        """Include Chalice's template, with its archives as assets that are named by a hash of their sources."""
        layer = self._asset(
            "Dependencies",
            _empty_layer(output)
            if environment.local_endpoint and not _LOADS_LAYER
            else output / "layer-deployment.zip",
            source=source / "requirements.txt",
            extra=f"{sys.version_info[:2]} {environment.architecture}",
        )
        code = self._asset("Code", output / "deployment.zip", source=source, extra=chalice.__version__)
        self.version = code.asset_hash[:16] + layer.asset_hash[:16]

        template = json.loads((output / "sam.json").read_text())
        template["Outputs"] = {}  # the service stack has its own
        # CDK makes the API from the routes, so that gateway responses are part of each deployment.
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

    def _asset(self, id_: str, archive: Path, *, source: Path, extra: str) -> assets.Asset:
        contents = cdk.FileSystem.fingerprint(str(source), exclude=[".chalice"], extra_hash=extra)
        return assets.Asset(self, id_, path=str(archive), asset_hash=contents, asset_hash_type=cdk.AssetHashType.CUSTOM)


def _empty_layer(folder: Path) -> Path:
    archive = folder / "empty-layer.zip"
    with ZipFile(archive, "w") as layer:
        layer.writestr("python/README", "The packages are those of the Python that runs the functions.")
    return archive


@functools.cache
def _packaged(runtime: Path, _contents: str, architecture: str) -> Path:
    """Return a folder with `runtime` and its `package`, made once for all environments of an architecture.

    It is removed when this process ends. Raises RuntimeError if a dependency has no package for the architecture.
    """
    cache = runtime / ".chalice" / "deployments"
    cache.mkdir(parents=True, exist_ok=True)
    # A new folder, so that concurrent synths never see each other's half-written archives; on the same disk as the
    # cache, so that a finished layer is moved there atomically.
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
    """Package `source` into `output`; Chalice uses the cached layer if requirements.txt has not changed."""
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
    # Chalice only prints a message about a missing dependency, and exits 0.
    if done.returncode or "Could not install dependencies" in done.stdout:
        raise RuntimeError(f"Chalice could not package runtime/:\n{done.stdout}{done.stderr}")
    for layer in layers.glob(_LAYER):
        layer.replace(cache / layer.name)


def _configure(file: Path, architecture: str) -> None:
    settings = json.loads(file.read_text()) | {
        "automatic_layer": True,  # runs pip only if requirements.txt has changed
        "manage_iam_role": False,
        "iam_role_arn": _NO_ROLE,
        "lambda_architecture": architecture,
    }
    file.write_text(json.dumps(settings))
