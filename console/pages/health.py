"""Health: is all well, and if not, what is wrong first."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any, Final

from markdown_it import MarkdownIt
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from console.context import Context
from console.drawing.charts import Series, lines
from console.facts import find_facts, headline
from console.source import Source, UnavailableError
from console.view import zone_of
from scripts.common.target import Target
from scripts.reports.alarms import read_alarms
from scripts.reports.metrics import read_series
from scripts.reports.queue_state import read_oldest_seconds, read_queue

PATH: Final = "/health"
TITLE: Final = "Health"
MANUAL: Final = Path(__file__).parents[2] / "docs" / "operations.md"
LINE_PERIODS, PERIOD_SECONDS = 36, 300  # three hours
# By the manual's heading: what the console itself can do, as a page's path, its name and a sentence.
FIRST_HERE: Final = {
    "Interactions are dead-lettered": (
        "/dead-letters",
        "Dead letters",
        "open a message, correct it and send it; or send back those that can be stored.",
    ),
}


def routes(context: Context) -> list[Route]:
    """Return the page's routes."""
    source, view = context.source, context.view

    def page(_request: Request) -> Response:
        return view.show("health.html")

    def now(_request: Request) -> Response:
        answers = look(source)
        facts = list(find_facts(answers))
        alarms = answers["alarms"]
        return view.show("health_now.html", facts=facts, headline=headline(facts, alarms), alarms=alarms)

    def chart(request: Request) -> Response:
        return view.show("health_lines.html", charts=source.ask(lambda target: _charts(target, zone_of(request))))

    def manual(request: Request) -> Response:
        heading = request.query_params.get("section", "")
        text = manual_section(heading, environment=source.name)
        return view.show("manual.html", heading=heading, text=text, first=FIRST_HERE.get(heading))

    return [
        Route(PATH, page),
        Route(f"{PATH}/now", view.guarded(now)),
        Route(f"{PATH}/lines", view.guarded(chart)),
        Route("/manual", manual),
    ]


def look(source: Source) -> dict[str, Any]:
    """Return what each part says, or the UnavailableError with which it failed."""
    asked: dict[str, Callable[[], Any]] = {
        "stores": lambda: source.operate("health"),
        "queue": lambda: source.ask(lambda target: read_queue(target, "QueueUrl")),
        "oldest": lambda: source.ask(read_oldest_seconds),
        "dead": lambda: source.ask(lambda target: read_queue(target, "DeadLetterQueueUrl")),
        "alarms": lambda: source.ask(read_alarms),
    }
    with ThreadPoolExecutor(len(asked)) as pool:
        return dict(zip(asked, pool.map(_or_error, asked.values()), strict=True))


def _or_error(work: Callable[[], Any]) -> Any:
    try:
        return work()
    except UnavailableError as error:
        return error


def _charts(target: Target, zone: tzinfo) -> list[tuple[str, Markup]]:
    until = datetime.now(UTC)
    end = until.replace(minute=until.minute - until.minute % 5, second=0, microsecond=0) + timedelta(minutes=5)
    since = end - timedelta(seconds=LINE_PERIODS * PERIOD_SECONDS)
    names = ("Accepted", "Stored", "Refused", "Poison")
    found = read_series(target, names, since=since, until=until, period_seconds=PERIOD_SECONDS)
    times = [since + timedelta(seconds=PERIOD_SECONDS * place) for place in range(LINE_PERIODS)]
    labels = [f"{time.astimezone(zone):%H:%M}" for time in times]

    def of(name: str) -> list[float | None]:
        return [found[name].get(time, 0) for time in times]

    arrived = [Series("accepted", of("Accepted"), "accent"), Series("stored", of("Stored"), "good", dashed=True)]
    refused = [
        Series("refused by the API", of("Refused"), "plain", dashed=True),
        Series("dead-lettered as poison", of("Poison"), "bad"),
    ]
    return [
        (f"Interactions in 5 minutes ({zone})", lines(labels, arrived, title="Accepted and stored interactions")),
        (f"Refused in 5 minutes ({zone})", lines(labels, refused, title="Refused requests and poison")),
    ]


def manual_section(heading: str, *, environment: str = "ENV") -> Markup | None:
    """Return the section of the operators' manual as HTML, for this environment; None without such a heading."""
    text = MANUAL.read_text(encoding="utf-8")
    _, found, rest = text.partition(f"\n### {heading}\n")
    if not found or not heading:
        return None
    section = re.sub(r"\bENV\b", environment, rest.partition("\n## ")[0].partition("\n### ")[0])
    return Markup(MarkdownIt("commonmark", {"html": False}).enable("table").render(section))  # noqa: S704  our own text
