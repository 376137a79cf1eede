"""How values are written on a page: text stays text, numbers and times are for people."""

import json
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from markupsafe import Markup

from scripts.common.console import printable
from scripts.common.users import UUID
from scripts.dlq.report import format_seconds

THIN_SPACE: Final = "\N{NARROW NO-BREAK SPACE}"  # between thousands
UNKNOWN: Final = "\N{EN DASH}"
_QUERY: Final = re.compile(r'{\s*"query":\s*"((?:[^"\\]|\\.)*)"')


def shown(value: Any) -> Any:
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


def artifact(value: str | None) -> str:
    """Return the artifact's id for a narrow place: a UUID is cut, always after its first 8 digits."""
    text = printable(value or "")
    return f"{text[:8]}…" if UUID.fullmatch(text.lower()) else text


def summary(metadata: str | None) -> str:
    """Return the metadata's query and how many results there were, or each name with its value.

    The text may be the beginning of longer JSON.
    """
    try:
        found = json.loads(metadata or "")
    except (ValueError, RecursionError):
        found = _QUERY.match(metadata or "")
        return f"“{found[1]}”" if found else metadata or ""
    if not isinstance(found, dict) or not found:
        return metadata or ""
    if not isinstance(found.get("query"), str):
        plain = all(isinstance(value, str | int | float) for value in found.values())
        return ", ".join(f"{name}: {value}" for name, value in found.items()) if plain else metadata or ""
    results = found.get("results")
    count = f", {plural(len(results), 'result')}" if isinstance(results, list) else ""
    return f"“{found['query']}”{count}"


def plural(count: int, name: str) -> str:
    """Return the number with its noun."""
    return f"{number(count)} {name}{'' if count == 1 else 's'}"


def date_text(value: date | str, *, weekday: bool = False) -> str:
    """Return the day as "26 Nov 2026", with the day of the week as "Thu 26 Nov 2026"."""
    day = date.fromisoformat(value) if isinstance(value, str) else value
    return f"{day:%a} {day.day} {day:%b %Y}" if weekday else f"{day.day} {day:%b %Y}"


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


FILTERS: Final[dict[str, Callable[..., Any]]] = {
    "artifact": artifact,
    "compact": compact,
    "date": date_text,
    "lines": lines,
    "number": number,
    "plural": plural,
    "pretty": pretty,
    "seconds": seconds,
    "short": short,
    "summary": summary,
    "time": time_element,
}
"""What templates use, by name."""
