"""The demo page: recalls over made-up artifacts, tracked by the TypeScript client, and beside them what arrived."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from local.component import CloudError, in_one_line
from local.environment import COMMANDS, of_cdk

SOURCE: Final = Path(__file__).parent / "demo"
BUILD_SECONDS: Final = 120
# The page takes scripts, styles and answers from the front alone, and no other page may frame it.
_POLICY: Final = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
_HEADERS: Final = {
    "Content-Security-Policy": _POLICY + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-cache",
}


def build(folder: Path) -> None:
    """Build the page's script into the cloud's folder. Raises CloudError when it does not compile."""
    command = (str(COMMANDS[1] / "esbuild"), str(SOURCE / "page.ts"), "--bundle", "--format=esm", "--log-level=error")
    try:
        subprocess.run(  # noqa: S603  our own command
            [*command, f"--outfile={_script(folder)}"],
            env=of_cdk(folder),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=BUILD_SECONDS,
            check=True,
        )
    except subprocess.CalledProcessError as error:
        raise CloudError(f"the demo page cannot be built: {in_one_line(error.stderr)}") from error


def routes(folder: Path, definition: Path) -> list[Route]:
    """Return the routes of the page and of what it needs; `definition` is what the deploy wrote for the front."""

    def script(_request: Request) -> Response:
        if not _script(folder).exists():
            return PlainTextResponse("nothing is deployed yet: run `make up`\n", 503)
        return FileResponse(_script(folder), headers=_HEADERS)

    def settings(_request: Request) -> Response:
        if not definition.exists():
            return JSONResponse({"message": "nothing is deployed yet: run `make up`"}, 503)
        client_id = json.loads(definition.read_text(encoding="utf-8"))["user_pool_client_id"]
        return JSONResponse({"client_id": client_id}, headers=_HEADERS)

    return [
        Route("/", _file("index.html")),
        Route("/demo/style.css", _file("style.css")),
        Route("/demo/page.js", script),
        Route("/demo/settings.json", settings),
    ]


def _file(name: str) -> Callable[[Request], Response]:
    def send(_request: Request) -> Response:
        return FileResponse(SOURCE / name, headers=_HEADERS)

    return send


def _script(folder: Path) -> Path:
    return folder / "demo" / "page.js"
