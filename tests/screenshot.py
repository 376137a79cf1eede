"""The picture of the stats page in README, from made-up numbers: `make screenshot` writes it to docs/stats.png."""

import random
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from console.export import page
from tests.browser import take_screenshot

PICTURE: Final = Path(__file__).parents[1] / "docs" / "stats.png"
NOW: Final = datetime(2026, 6, 30, 18, 0, tzinfo=UTC)
DAYS: Final = 14
SHARES: Final = {"recall": 1.0, "workspace": 0.1, "peel": 0.7, "keep": 0.3, "mark_good": 0.2, "mark_bad": 0.1}


def tables(*, until: datetime = NOW, growth: float = 1.0) -> dict[str, Any]:
    """Return the tables of the days until then, in the form that `stats` gives them; `growth` changes all counts."""
    dice = random.Random(1)  # noqa: S311  the same picture every time
    kinds: list[list[Any]] = []
    people: list[list[Any]] = []
    outcomes: list[list[Any]] = []
    for age in reversed(range(DAYS)):
        day = str((until - timedelta(days=age)).date())
        recalls = (150 if age % 7 in {2, 3} else 400) * dice.uniform(0.85, 1.15) * growth
        kinds += [[day, kind, round(recalls * SHARES[kind] * dice.uniform(0.9, 1.1)), 0] for kind in SHARES]
        people.append([day, round(recalls / 4), round(recalls * sum(SHARES.values()))])
        good = round(recalls * 0.31 * growth)
        outcomes.append([day, "recall", round(recalls), good, round(recalls) - good, round(recalls * 0.55)])
    recalls = sum(row[2] for row in outcomes)
    steps = zip(("all", "and peeled", "and kept", "and marked good"), (1.0, 0.55, 0.22, 0.1), strict=True)
    return {
        "interactions_by_day": _table("day kind interactions users", kinds),
        "active_users_by_day": _table("day users interactions", people),
        "funnel": _table("recalls number", [[step, round(recalls * share)] for step, share in steps]),
        "events_by_day": _table("day kind events good_outcome no_good_outcome peeled", outcomes),
    }


def _table(columns: str, rows: list[list[Any]]) -> dict[str, Any]:
    return {"columns": columns.split(), "rows": rows}


def main() -> None:
    """Write the picture."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "stats.html")
        before = tables(until=NOW - timedelta(days=DAYS), growth=0.94)
        text = page("prod", tables(), before, days=DAYS, now=NOW)
        file.write_text(text, encoding="utf-8")
        take_screenshot(file, Path(folder, "profile"), to=PICTURE, size_pixels=(1100, 1180))
    print(f"wrote {PICTURE}: {PICTURE.stat().st_size // 1000} kB")  # noqa: T201


if __name__ == "__main__":
    main()
