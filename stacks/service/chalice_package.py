"""Packages `runtime/` with Chalice: a SAM template and an archive of the code; layer.py adds the dependencies.

`chalice.cdk.Chalice` does nearly the same. It is not used because it never deletes the archives of old synths, imports
runtime/app.py into this process (where `app` may be another module), ships `__pycache__`, and names assets by a hash of
the archive, in which the order of files depends on the disk: one commit would have several templates.
"""

import atexit
import functools
import json
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Final, cast

import aws_cdk as cdk
import chalice
from aws_cdk import aws_s3_assets as assets
from aws_cdk import aws_sam as sam
from aws_cdk import cloudformation_include as include
from constructs import Construct

from stacks.common.names import SERVICE
from stacks.config.environment import Environment
from stacks.service.layer import make_layer

RUNTIME: Final = Path(__file__).parents[2] / "runtime"
# Chalice needs some role; every function gets its own later.
_NO_ROLE: Final = "arn:aws:iam::000000000000:role/replaced-by-the-stack"
# Chalice needs some region and stage; neither is in its template.
_REGION: Final = "us-east-1"
_STAGE: Final = "package"
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
        made = _packaged(runtime, contents)
        code = self._asset(
            "Code", made / "package" / "deployment.zip", source=made / "runtime", extra=chalice.__version__
        )
        requirements = runtime / "requirements.txt"
        layer = self._asset(
            "Dependencies",
            make_layer(requirements, environment=environment, cache=runtime / ".chalice" / "deployments"),
            source=requirements,
            extra=f"{environment.runtime} {environment.architecture}",
        )
        self.version = code.asset_hash[:16] + layer.asset_hash[:16]
        self._include(made / "package", code=code, environment=environment)
        self._add_layer(layer, environment=environment)

    def function(self, name: str) -> sam.CfnFunction:
        """Return the function with this logical id."""
        return cast("sam.CfnFunction", self._resources.get_resource(name))

    @property
    def functions(self) -> dict[str, str]:
        """The functions' names, by logical id."""
        resources = self._resources.node.find_all()
        return {one.node.id: one.ref for one in resources if isinstance(one, sam.CfnFunction)}

    def _include(self, output: Path, *, code: assets.Asset, environment: Environment) -> None:
        """Include Chalice's template, with the code's asset and the environment's Python and architecture."""
        template = json.loads((output / "sam.json").read_text())
        template["Outputs"] = {}  # the service stack has its own
        # CDK makes the API from the routes, so that gateway responses are part of each deployment.
        del template["Resources"]["APIHandlerInvokePermission"]
        self.routes = template["Resources"].pop("RestAPI")["Properties"]["DefinitionBody"]
        path = output / "functions.json"
        path.write_text(json.dumps(template))
        self._resources = include.CfnInclude(self, "Chalice", template_file=str(path), preserve_logical_ids=True)
        for name in self.functions:
            function = self.function(name)
            function.code_uri = sam.CfnFunction.S3LocationProperty(bucket=code.s3_bucket_name, key=code.s3_object_key)
            function.runtime, function.architectures = environment.runtime, [environment.architecture]

    def _add_layer(self, archive: assets.Asset, *, environment: Environment) -> None:
        layer = sam.CfnLayerVersion(
            self,
            "Layer",
            layer_name=f"{SERVICE}-package-managed-layer",
            compatible_runtimes=[environment.runtime],
            content_uri=sam.CfnLayerVersion.S3LocationProperty(
                bucket=archive.s3_bucket_name, key=archive.s3_object_key
            ),
        )
        layer.add_property_override("CompatibleArchitectures", [environment.architecture])
        layer.override_logical_id("ManagedLayer")
        for name in self.functions:
            self.function(name).layers = [layer.ref]

    def _asset(self, id_: str, archive: Path, *, source: Path, extra: str) -> assets.Asset:
        contents = cdk.FileSystem.fingerprint(str(source), exclude=[".chalice"], extra_hash=extra)
        return assets.Asset(self, id_, path=str(archive), asset_hash=contents, asset_hash_type=cdk.AssetHashType.CUSTOM)


@functools.cache
def _packaged(runtime: Path, _contents: str) -> Path:
    """Return a folder with a copy of `runtime` and its `package`, made once for all environments.

    It is removed when this process ends.
    """
    folder = Path(mkdtemp(prefix=f"{SERVICE}-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    source = folder / "runtime"
    shutil.copytree(runtime, source, ignore=shutil.ignore_patterns(*_NOT_SOURCE))
    (source / "requirements.txt").write_text("")  # they are in the layer
    _run_chalice(source, folder / "package")
    return folder


def _run_chalice(source: Path, output: Path) -> None:
    """Package `source` into `output`."""
    configuration = source / ".chalice" / "config.json"
    settings = json.loads(configuration.read_text()) | {"manage_iam_role": False, "iam_role_arn": _NO_ROLE}
    configuration.write_text(json.dumps(settings))
    done = subprocess.run(  # noqa: S603  no input from outside
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
    if done.returncode:
        raise RuntimeError(f"Chalice could not package runtime/:\n{done.stdout}{done.stderr}")
