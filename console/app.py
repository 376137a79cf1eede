"""The console's ASGI application: pages, their parts, and static files, behind the guard."""

import secrets
from pathlib import Path
from typing import Final

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from console.context import Context
from console.dead_letters import DeadLetters
from console.guard import Guard, TakeToken
from console.pages import dead_letters, health, live, person, send, statistics, story
from console.source import Source
from console.view import View

ROOT: Final = Path(__file__).parents[1]
STATIC: Final = Path(__file__).parent / "static"
# The scripts of others, by the path under which pages name them.
SCRIPTS: Final = {
    "htmx": ROOT / "node_modules" / "htmx.org" / "dist",
    "idiomorph": ROOT / "node_modules" / "idiomorph" / "dist",
}
PAGES: Final = (health, dead_letters, statistics, person, story, live, send)


def application(source: Source, *, port: int, take_token: TakeToken) -> Starlette:
    """Return the application for one environment; it answers on this port of loopback only.

    Everything lies under a random path of its own. Browsers send a cookie to every port of its host, but only to its
    path, and the page of another port cannot know this one.
    """
    root = f"/{secrets.token_urlsafe(16)}"
    view = View(source, [(page.PATH, page.TITLE) for page in PAGES], root)
    context = Context(source, view, DeadLetters(source))
    routes: list[Route | Mount] = [
        Route("/", _first_page),
        Mount("/static", StaticFiles(directory=STATIC)),
        *(
            Mount(f"/scripts/{name}", StaticFiles(directory=folder, check_dir=False))
            for name, folder in SCRIPTS.items()
        ),
    ]
    for page in PAGES:
        routes += page.routes(context)
    return Starlette(routes=routes, middleware=[Middleware(Guard, port=port, root=root, take_token=take_token)])


def _first_page(request: Request) -> Response:
    return RedirectResponse(request.scope["root_path"] + PAGES[0].PATH)
