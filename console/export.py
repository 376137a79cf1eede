"""The statistics as one file: what `stats --html` writes, without a script and without an outside address."""

import base64
import hashlib
from datetime import datetime
from pathlib import Path
from typing import Final

from markupsafe import Markup

from console import view
from console.period import Period
from console.statistics import Tables, figures, headlines

QUESTIONS_BEFORE: Final = ("interactions_by_day", "active_users_by_day", "events_by_day")
STYLE: Final = Path(__file__).parent / "static" / "console.css"


def page(environment: str, tables: Tables, before: Tables, *, days: int, now: datetime) -> str:
    """Return the page for these tables; without those of the period before there are no headline figures."""
    period = Period.last(days, now.date())
    style = STYLE.read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    template = view.templates().get_template("statistics_export.html")
    text = template.render(
        environment=environment,
        days=days,
        now=now,
        headlines=headlines(tables, before, period, today=now.date()) if before else [],
        finished=period.finished(now.date()),
        figures=figures(tables, period),
        style=Markup(style),  # noqa: S704  our own file
        digest=digest,
    )
    return f"{text}\n"
