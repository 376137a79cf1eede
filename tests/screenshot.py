"""The picture of the stats page in README, from made-up numbers: `make screenshot` writes it to docs/stats.png."""

import random
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from chalicelib.interaction import Kind
from scripts.reports.html_page import page
from tests.browser import take_screenshot

PICTURE: Final = Path(__file__).parents[1] / "docs" / "stats.png"
NOW: Final = datetime(2026, 6, 30, 18, 0, tzinfo=UTC)
DAYS: Final = 14
SHARES: Final = {"recall": 1.0, "workspace": 0.1, "peel": 0.7, "keep": 0.3, "mark_good": 0.2, "mark_bad": 0.1}


def tables() -> dict[str, Any]:
    """Return the tables that the picture shows, in the form that `stats` gives them."""
    dice = random.Random(1)  # noqa: S311  the same picture every time
    rows: list[list[Any]] = []
    for age in reversed(range(DAYS)):
        day = (NOW - timedelta(days=age)).date()
        recalls = (150 if day.isoweekday() > 5 else 400) * dice.uniform(0.85, 1.15)
        rows += [[str(day), kind, round(recalls * SHARES[kind] * dice.uniform(0.9, 1.1))] for kind in Kind]
    return {
        "balance": {"columns": ["name", "value", "meaning"], "rows": _balance(sum(row[2] for row in rows))},
        "interactions_by_day": {"columns": ["day", "kind", "interactions"], "rows": rows},
    }


def _balance(accepted: int) -> list[list[Any]]:
    return [
        ["accepted", accepted + 31, 'the API answered "ok"'],
        ["stored", accepted, "new in the ledger"],
        ["repeated", 28, "arrived again and was in the ledger already"],
        ["erased", 0, "not stored, because its user was erased"],
        ["discarded", 1, "removed from the dead-letter queue into a file"],
        ["waiting", 0, "on the queue now"],
        ["dead", 2, "in the dead-letter queue now"],
        ["unaccounted", 0, "accepted, less all of the above"],
    ]


def main() -> None:
    """Write the picture."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "stats.html")
        file.write_text(page("Interactions, prod", tables(), days=DAYS, now=NOW), encoding="utf-8")
        take_screenshot(file, Path(folder, "profile"), to=PICTURE, size_pixels=(1000, 1045))
    print(f"wrote {PICTURE}: {PICTURE.stat().st_size // 1000} kB")  # noqa: T201


if __name__ == "__main__":
    main()
