"""Turns what a page shows into HTML: every value is text, whatever is in it."""

import json
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from console.source import Source, UnavailableError
from scripts.common.console import printable
from scripts.common.errors import WrongUseError
from scripts.dlq.report import format_seconds

MAX_FORM_BYTES: Final = 2_000_000
THIN_SPACE: Final = "\N{NARROW NO-BREAK SPACE}"  # between thousands
UNKNOWN: Final = "\N{EN DASH}"
Answer = Callable[[Request], Response]


def templates() -> Environment:
    """Return the templates, with what they all use; every value in them is text."""
    made = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "compact": compact,
        "lines": lines,
        "number": number,
        "pretty": pretty,
        "seconds": seconds,
        "short": short,
        "time": time_element,
    }
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
                message = error.format_message() if isinstance(error, WrongUseError) else str(error)
                return self.show("unavailable.html", message=message, part="hx-request" in request.headers)

        return answers

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


def _shown(value: Any) -> Any:
    """Return text without control characters or marks that reorder it; None is empty."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return THIN_SPACE.join(map(printable, value.split(THIN_SPACE)))
    return "" if value is None else value


def number(value: float | None, digits: int = 0) -> str:
    """Return the number with thin spaces between thousands, or a dash if it is unknown."""
    return UNKNOWN if value is None else f"{value:,.{digits}f}".replace(",", THIN_SPACE)


def compact(value: float) -> str:
    """Return the number with thousands, and with at most three digits after the point."""
    return number(value) if isinstance(value, int) else number(value, 3).rstrip("0").rstrip(".")


def percent(share: float) -> str:
    """Return the share in percent; below one, with a tenth."""
    return f"{100 * share:.{1 if 0 < share < 0.01 else 0}f} %"  # noqa: PLR2004


def seconds(value: float | None) -> str:
    """Return a duration in words: "3 ms", "2.4 s", "2 h 5 min"."""
    if value is None:
        return UNKNOWN
    if value < 1:
        return f"{value * 1000:.0f} ms"
    return f"{value:.1f} s" if value < 10 else format_seconds(round(value))  # noqa: PLR2004  above it, tenths say nothing


def short(value: str | None) -> Markup:
    """Return the beginning of an id, with all of it as the title."""
    text = printable(value)
    return Markup('<span class="id" title="{}">{}</span>').format(text, f"{text[:8]}…" if len(text) > 12 else text)  # noqa: PLR2004


def lines(value: str | None) -> Markup:
    """Return text of several lines, which keep their breaks; what else controls is escaped."""
    return Markup("\n").join(printable(line) for line in (value or "").split("\n"))


def pretty(value: str | None) -> Markup:
    """Return JSON text indented or, if it is none, as it is."""
    try:
        return lines(json.dumps(json.loads(value or ""), ensure_ascii=False, indent=2))
    except (ValueError, RecursionError):
        return lines(value)


def time_element(value: datetime | str | None, *, ago: bool = False, clock: bool = False) -> Markup:
    """Return a <time> in UTC, which the page's script shows in the viewer's zone, with UTC as the title.

    `ago` is how long ago it was; `clock` leaves out the day.
    """
    if value is None:
        return Markup.escape(UNKNOWN)
    time = (datetime.fromisoformat(value) if isinstance(value, str) else value).astimezone(UTC)
    utc = f"{time:%Y-%m-%d %H:%M:%S.%f}"[:-3] + " UTC"
    shown = _ago(datetime.now(UTC) - time) if ago else f"{time:%Y-%m-%d %H:%M:%S} UTC"
    form = "ago" if ago else "clock" if clock else "day"
    return Markup('<time datetime="{}" title="{}" data-form="{}">{}</time>').format(time.isoformat(), utc, form, shown)


def _ago(age: timedelta) -> str:
    value = age.total_seconds()
    return "now" if abs(value) < 1 else f"{format_seconds(round(abs(value)))} {'ago' if value > 0 else 'ahead'}"
