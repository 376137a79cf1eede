"""Turns what a page shows into HTML: every value is text, whatever is in it."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, tzinfo
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from console import text
from console.source import Source, UnavailableError
from scripts.common.errors import WrongUseError

MAX_FORM_BYTES: Final = 2_000_000
Answer = Callable[[Request], Response]


def templates() -> Environment:
    """Return the templates, with what they all use; every value in them is text."""
    made = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=text.shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= text.FILTERS
    return made


class View:
    """Renders templates, each with the environment's name, the list of pages, and `url` for their addresses."""

    def __init__(self, source: Source, pages: Sequence[tuple[str, str]], root: str = "") -> None:
        """Take the path under which everything lies, such as "/key": `url` puts it before each path."""
        self._templates = templates()
        self._templates.globals |= {"source": source, "pages": pages, "url": partial(url, root)}

    def show(self, template: str, *, status: int = HTTPStatus.OK, **values: Any) -> Response:
        """Return the rendered template as the answer."""
        return HTMLResponse(self._templates.get_template(template).render(values), status)

    def guarded(self, answer: Answer) -> Answer:
        """Return the answer, or in its place the reason why it is unavailable; the next request tries again."""

        def answers(request: Request) -> Response:
            try:
                return answer(request)
            except (UnavailableError, WrongUseError) as error:
                return self.failed(error, request)

        return answers

    def failed(
        self, error: UnavailableError | WrongUseError, request: Request | None = None, *, field: str = ""
    ) -> Response:
        """Return what went wrong, for the field of a form or with a button that sends the request again."""
        wrong = isinstance(error, WrongUseError)
        return self.show(
            "unavailable.html",
            message=error.format_message() if isinstance(error, WrongUseError) else str(error),
            detail="" if isinstance(error, WrongUseError) else error.detail,
            wrong=wrong,
            field=field,
            part=request is None or "hx-request" in request.headers,
            again="" if wrong or request is None or request.method != "GET" else _address(request),
        )

    def posted(self, answer: Callable[[dict[str, str]], Response]) -> Callable[[Request], Awaitable[Response]]:
        """Return the handler of a form: the answer to its fields, or the reason why nothing was done."""

        async def answers(request: Request) -> Response:
            fields = await form(request)
            return await run_in_threadpool(self.guarded(lambda _: answer(fields)), request)

        return answers


async def form(request: Request) -> dict[str, str]:
    """Return the fields of a posted form; raises WrongUseError if it is too large."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM_BYTES:
            raise WrongUseError(f"the form has more than {MAX_FORM_BYTES:,} bytes")
    fields = parse_qsl(body.decode(errors="replace"), keep_blank_values=True)
    return {name: value.replace("\r\n", "\n") for name, value in fields}  # browsers end lines so


def url(root: str, path: str, /, **query: Any) -> str:
    """Return the path under the root, with the query's values that are not empty."""
    given = {name: value for name, value in query.items() if value not in (None, "")}
    return f"{root}{path}?{urlencode(given)}" if given else f"{root}{path}"


def zone_of(request: Request) -> tzinfo:
    """Return the viewer's time zone, which the page's script sends with each part; UTC if it is unknown here."""
    try:
        return ZoneInfo(request.headers.get("time-zone", ""))
    except (KeyError, ValueError, OSError):
        return UTC


def _address(request: Request) -> str:
    return f"{request.url.path}?{request.url.query}"
