"""Statistics: headline figures, intervals, and the page that stands in one file."""

import re
from datetime import date, timedelta
from typing import Any

import pytest

from console.drawing.figures import FIGURES, interval
from console.export import page
from console.period import Period
from console.statistics import figures, headlines
from tests import screenshot

HOSTILE = "<script>document.title='taken'</script>"
NOW = screenshot.NOW
TODAY = date(2026, 6, 8)
BEFORE = "2026-05-25"
PERIOD = Period.last(7, TODAY - timedelta(days=1))


def table(columns: str, *rows: list[Any]) -> dict[str, Any]:
    return {"columns": columns.split(), "rows": list(rows)}


def week(recalls: int, good: int, day: str = "2026-06-01") -> dict[str, Any]:
    return {
        "interactions_by_day": table(
            "day kind interactions users",
            [day, "recall", recalls, 5],
            [day, "mark_good", good, 1],
            [day, "mark_bad", 10, 1],
        ),
        "active_users_by_day": table("day users interactions", [day, 7, recalls]),
        "events_by_day": table(
            "day kind events good_outcome no_good_outcome peeled",
            [day, "recall", recalls, good, recalls - good, 2 * good],
            [day, "workspace", 99, 99, 0, 0],
        ),
    }


def test_headlines_compare_with_the_period_before() -> None:
    found = {one.name: one for one in headlines(week(1200, 300), week(1000, 200, BEFORE), PERIOD, today=TODAY)}
    assert (found["Recalls"].value, found["Recalls"].change, found["Recalls"].good) == ("1\u202f200", "+20 %", None)
    assert found["People on a day, on average"].value == "1"
    good = found["Recalls with something kept or marked good"]
    assert (good.value, good.change, good.good) == ("25 %", "+5 points", True)
    worse = headlines(week(1000, 200), week(1200, 300, BEFORE), PERIOD, today=TODAY)[4]
    assert (worse.change, worse.good) == ("-5 points", False)


def test_headlines_without_anything_before_or_now_say_so() -> None:
    assert headlines(week(10, 2), {}, PERIOD, today=TODAY)[0].change == "nothing the period before"
    assert headlines(week(2400, 2), week(10, 2, BEFORE), PERIOD, today=TODAY)[2].change == "240 times as many"
    assert headlines({}, week(10, 2), PERIOD, today=TODAY)[3].value == "\u2013"
    assert (
        headlines(week(1000, 200), week(1000, 201, BEFORE), PERIOD, today=TODAY)[4].change == "no change"
    )  # less than half a point


def test_today_is_shown_and_not_compared_with_whole_days() -> None:
    yesterday, today = week(1000, 200, "2026-06-07"), week(10, 1, str(TODAY))
    both = {
        name: table(" ".join(one["columns"]), *one["rows"], *today[name]["rows"]) for name, one in yesterday.items()
    }
    period = Period.last(2, TODAY)
    recalls = headlines(both, week(500, 100, "2026-06-06"), period, today=TODAY)[2]
    assert (recalls.value, recalls.change) == ("1\u202f010", "+100 %")
    assert period.finished(TODAY).before == Period.last(1, date(2026, 6, 6))
    of_today = headlines(today, yesterday, Period.last(1, TODAY), today=TODAY)
    assert {(one.change, one.good) for one in of_today} == {("today is not over", None)}
    assert of_today[1].value == "7"


def test_an_average_begins_with_the_first_day_that_has_people() -> None:
    found = headlines(week(10, 2, "2026-06-06"), {}, PERIOD, today=TODAY)
    assert found[1].value == "3.5"  # 7 people on the sixth, none on the seventh


def test_what_may_be_chance_says_so() -> None:
    few = headlines(week(10, 4), week(10, 2, BEFORE), PERIOD, today=TODAY)[4]
    assert (few.change, few.good) == ("+20 points (may be chance)", None)


def test_a_chart_by_day_has_all_days_of_the_period() -> None:
    charts = {one.name: str(one.chart) for one in figures(week(10, 2, "2026-06-03"), PERIOD)}
    for chart in charts.values():
        assert re.findall(r">(\d Jun)<", chart.partition("chart narrow")[0]) == [f"{day} Jun" for day in range(1, 8)]


@pytest.mark.parametrize(
    ("part", "whole", "low", "high"),
    [(0, 0, 0, 1), (5, 10, 0.237, 0.763), (0, 20, 0, 0.161), (20, 20, 0.839, 1), (400, 1000, 0.370, 0.431)],
)
def test_an_interval_is_wilson_s(part: int, whole: int, low: float, high: float) -> None:
    assert interval(part, whole) == pytest.approx((low, high), abs=0.001)


def test_each_table_has_its_figure_and_an_unknown_one_is_shown_too() -> None:
    tables = {"of_newer_code": table("a b", ["x", 1]), **week(10, 2)}
    found = figures(tables, PERIOD)
    assert [one.name for one in found] == [
        "interactions_by_day",
        "active_users_by_day",
        "events_by_day",
        "of_newer_code",
    ]
    assert [one.chart is not None for one in found] == [True, True, True, False]
    assert found[3].title == "Of newer code"


def test_a_kind_narrows_the_figures_by_kind() -> None:
    found = figures(week(10, 2), PERIOD._replace(kind="mark_bad"))
    assert found[0].table["rows"] == [["2026-06-01", "mark_bad", 10, 1]]
    assert found[1].table["rows"] == [["2026-06-01", 7, 10]]
    assert figures(week(10, 2), PERIOD._replace(kind="unheard"))[0].chart is None


def test_every_table_draws_what_the_function_answers() -> None:
    """Rows as the statistics operation gives them, with a hostile id and a hostile query."""
    tables = {
        **week(10, 2),
        "funnel": table("recalls number", ["all", 10], ["and peeled", 4]),
        "time_to_first_peel": table("time recalls", ["under 2 s", 3], ["never peeled", 7]),
        "results_by_rank": table(
            "rank shown peeled kept good bad click_through",
            ["1", 100, 40, 9, 8, 2, 0.4],
            ["not listed", 0, 3, 0, 0, 0, None],
        ),
        "first_peeled_rank": table("rank recalls", ["1", 3], ["no result peeled", 0]),
        "queries_without_outcome": table("query recalls peeled without_result", [HOSTILE, 5, 1, 2], ["b", 1, 0, 0]),
        "most_kept_artifacts": table("artifact_id keeps", [HOSTILE, 5]),
        "most_marked_bad_artifacts": table("artifact_id bad", ["pear", 5]),
        "sessions_by_day": table(
            "day sessions users median_seconds mean_interactions", ["2026-06-01", 2, 2, 60.0, 3.0]
        ),
        "dated_ahead": table("kind interactions"),
        "graph_outbox": table("waiting parked", [1, 0]),
        "balance": table("name value meaning", ["accepted", None, "x"]),
        "unanswered": table("unknown", ["funnel of 2026-06-01"]),
    }
    assert set(tables) == set(FIGURES)
    found = {one.name: one for one in figures(tables, PERIOD)}
    without = {name for name, one in found.items() if one.chart is None}
    assert without == {"dated_ahead", "graph_outbox", "balance", "unanswered"}
    assert "40 % of 100" in str(found["results_by_rank"].chart)
    assert "80 % of 10" in str(found["results_by_rank"].chart)
    assert "5 recalls, 2 without a result" in str(found["queries_without_outcome"].chart)
    text = page("prod", tables, week(9, 1), days=7, now=NOW)
    assert "<script" not in text
    assert "unknown" in text


def test_a_page_without_all_answers_says_which_are_unknown_and_has_no_headlines() -> None:
    unknown = {"unanswered": table("unknown", ["events_by_day of 2026-06-28"])}
    text = page("prod", week(1200, 3, "2026-06-29") | unknown, week(900, 1, "2026-06-20"), days=7, now=NOW)
    assert "took too long to count" in text
    assert "events_by_day of 2026-06-28" in text
    assert 'class="cards"' not in text
    assert headlines(week(10, 2), week(10, 2, BEFORE) | unknown, PERIOD, today=TODAY) == []


def test_thousands_are_apart_by_a_thin_space() -> None:
    text = page("prod", week(1200, 3, "2026-06-29"), week(900, 1, "2026-06-20"), days=7, now=NOW)
    assert '<p class="value">1\u202f213</p>' in text


def test_the_page_is_one_small_file_without_a_script_or_an_address() -> None:
    text = page(
        "prod", screenshot.tables(), screenshot.tables(until=NOW - timedelta(days=30), growth=0.9), days=30, now=NOW
    )
    assert len(text.encode()) < 500_000
    assert "<script" not in text
    assert "http:" not in text
    assert "https:" not in text
    [digest] = re.findall(r"style-src '(sha256-[^']+)'", text)
    assert len(digest) > 40
    assert "The last 30 days until 2026-06-30 18:00 UTC" in text
    assert text.endswith("</html>\n")


def test_without_the_period_before_the_page_has_no_headlines() -> None:
    text = page("prod", {"balance": table("name value", ["x", 1])}, {}, days=7, now=NOW)
    assert 'class="cards"' not in text
    assert "against" not in text
