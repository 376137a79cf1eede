"""The page that shows the API's documentation: Swagger UI from its npm package, without any outside address."""

import json
from functools import partial
from pathlib import Path
from string import Template
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Route

ROOT: Final = Path(__file__).parents[2]
DOCUMENT: Final = ROOT / "docs" / "openapi.json"
VIEWER: Final = ROOT / "node_modules" / "swagger-ui-dist"
_PATH: Final = "/docs"
# The page takes nothing from another address, and sends nothing there.
_POLICY: Final = "default-src 'self' data: 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_ASSETS: Final = ("swagger-ui.css", "swagger-ui-bundle.js")
_PAGE: Final = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>$title</title>
<link rel="stylesheet" href="$assets/swagger-ui.css">
</head>
<body>
<noscript>This page needs JavaScript. The same is in docs/openapi.json.</noscript>
<div id="api"></div>
<script src="$assets/swagger-ui-bundle.js"></script>
<script>
SwaggerUIBundle({dom_id: "#api", spec: $document, deepLinking: true, validatorUrl: null, persistAuthorization: false});
</script>
</body>
</html>
""")


def page(document: dict[str, Any], *, assets: str) -> str:
    """Return the page for an OpenAPI document; the viewer's files are found under `assets`."""
    script = json.dumps(document, ensure_ascii=False).replace("</", "<\\/")
    return _PAGE.substitute(title=document["info"]["title"], assets=assets, document=script)


def routes() -> list[Route]:
    """Return the routes of the page, of the document and of the two files of the viewer that it needs."""
    return [
        Route(_PATH, _show),
        Route(f"{_PATH}/openapi.json", _send_document),
        # Not the whole folder: it has a page of its own, which asks another address for another document.
        *(Route(f"{_PATH}/{name}", partial(_send_asset, name)) for name in _ASSETS),
    ]


async def _show(_request: Request) -> Response:
    document = json.loads(DOCUMENT.read_text(encoding="utf-8")) | {"servers": [{"url": "/"}]}
    return HTMLResponse(page(document, assets=_PATH), headers={"Content-Security-Policy": _POLICY})


async def _send_document(_request: Request) -> Response:
    return FileResponse(DOCUMENT)


async def _send_asset(name: str, _request: Request) -> Response:
    return FileResponse(VIEWER / name)
