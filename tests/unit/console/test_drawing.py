"""Pictures: well-formed SVG whose text is text, with marks where the numbers say."""

import json
import re
from typing import Any
from xml.etree import ElementTree as ET
from zoneinfo import ZoneInfo

import pytest
from markupsafe import Markup

from console.drawing import timeline, user_graph
from console.drawing.charts import Row, Series, lines, rows, stacked_bars
from console.drawing.figures import FIGURES

HOSTILE = "</text><script>alert(1)</script>\u202e\"' &"
AT = "2026-05-01T12:00:00+00:00"


def parsed(drawn: Markup) -> ET.Element:
    return ET.fromstring(f"<div>{drawn}</div>")  # noqa: S314  our own


def wide(drawn: Markup) -> ET.Element:
    [one] = [div for div in parsed(drawn) if div.get("class") == "chart wide"]
    return one


def test_bars_are_as_high_as_their_numbers() -> None:
    drawn = wide(
        stacked_bars(["1 May", "2 May"], [Series("good", [3, 0], "good"), Series("bad", [1, 2], "bad")], title="t")
    )
    bars = [(rect.get("class"), float(rect.get("height", 0))) for rect in drawn.iter("rect")]
    assert [colour for colour, _ in bars] == ["fill-good", "fill-bad", "fill-bad"]
    assert bars[0][1] == pytest.approx(3 * bars[1][1], rel=0.01)
    assert bars[2][1] == pytest.approx(2 * bars[1][1], rel=0.01)
    assert [title.text for title in drawn.iter("title")] == ["1 May\ngood: 3\nbad: 1", "2 May\ngood: 0\nbad: 2"]


def test_labels_that_do_not_fit_are_left_out() -> None:
    labels = [f"{day} May" for day in range(1, 32)]
    drawn = stacked_bars(labels, [Series("all", [1] * 31, "plain")], title="t")
    found = {"wide": 0, "narrow": 0}
    for div in parsed(drawn)[1:]:
        name = (div.get("class") or "").split()[-1]
        found[name] = sum((text.text or "").endswith("May") for text in div.iter("text"))
    assert 4 < found["wide"] < 12
    assert 2 < found["narrow"] < 8


def test_a_gap_in_a_line_stays_a_gap() -> None:
    [path] = [p for p in wide(lines(["a", "b", "c"], [Series("s", [1, None, 2], "good")], title="t")).iter("path")
              if "line" in (p.get("class") or "")]  # fmt: skip
    assert re.sub(r"[\d. ]+", "", path.get("d", "")) == "MM"


@pytest.mark.parametrize("values", [[], [0], [0, 0.4]])
def test_nothing_is_drawn_as_nothing(values: list[float]) -> None:
    labels = [str(value) for value in values]
    series = [Series("s", values, "good")]
    parsed(stacked_bars(labels, series, title="t"))
    parsed(lines(labels, series, title="t"))
    parsed(rows([Row(label, value, label) for label, value in zip(labels, values, strict=True)], title="t"))


def test_a_row_shows_its_interval_and_its_text() -> None:
    drawn = wide(rows([Row("x" * 200, 0.5, "50 %", "good", (0.4, 0.6)), Row("b", 0.1, "10 %")], title="t", most=1))
    texts = [text.text for text in drawn.iter("text")]
    assert [text for text in texts if "%" in (text or "")] == ["50 %", "10 %"]
    assert (texts[0] or "").endswith("…")
    assert [path.get("class") for path in drawn.iter("path")] == ["interval"]


def event(number: int, **fields: Any) -> dict[str, Any]:
    id_ = f"00000000-0000-4000-8000-{number:012}"
    labels = ["Event", "RecallEvent"]
    return {"id": id_, "labels": labels, "timestamp": AT, "metadata": '{"query": "bread", "resul'} | fields


def edge(event_id: str, artifact: str, type_: str, second: int = 0) -> dict[str, Any]:
    return {
        "event_id": event_id,
        "artifact_id": artifact,
        "type": type_,
        "timestamp": f"2026-05-01T12:00:{second:02}+00:00",
    }


def test_an_artifact_has_the_colour_of_its_latest_mark() -> None:
    first, bare = event(1), event(2, labels=["Event"], timestamp=None, metadata=None)
    edges = [
        edge(first["id"], "a", "MARK_GOOD", 1),
        edge(first["id"], "a", "MARK_BAD", 2),
        edge(bare["id"], "b", "MARK_BAD", 1),
        edge(bare["id"], "b", "MARK_GOOD", 2),
        edge(first["id"], "c", "PEEL"),
        edge("another event", "d", "PEEL"),
    ]
    drawn = wide(user_graph.draw({"events": [first, bare], "edges": edges}))
    nodes = {node.get("data-node"): node for node in drawn.iter("g")}
    assert {name: node.get("aria-label") for name, node in nodes.items() if (name or "").startswith("a-")} == {
        "a-a": "a, artifact, marked bad",
        "a-b": "b, artifact, marked good",
        "a-c": "c, artifact, no mark",
    }
    assert len(list(drawn.iterfind(".//path[@data-ends]"))) == 5
    assert [text.text for text in nodes[f"e-{first['id']}"].iter("text")] == ["bread · 01 May 12:00"]


def test_hostile_ids_and_metadata_are_text() -> None:
    one = event(1, metadata=f'{{"query": "{HOSTILE}"}}')
    drawn = user_graph.draw({"events": [one], "edges": [edge(one["id"], HOSTILE, "KEEP")]})
    parsed(drawn)
    assert "<script" not in drawn
    assert "\u202e" not in drawn
    bars = stacked_bars([HOSTILE], [Series(HOSTILE, [1], "good")], title=HOSTILE) + rows(
        [Row(HOSTILE, 1, "1")], title=""
    )
    parsed(bars)
    assert "<script" not in bars


def test_an_empty_graph_and_time_line_are_drawn() -> None:
    parsed(user_graph.draw({"events": [], "edges": []}))
    assert timeline.draw([]) == ""


def test_a_time_line_has_a_mark_for_each_interaction_of_a_known_kind() -> None:
    drawn = wide(timeline.draw([{"kind": kind, "timestamp": AT} for kind in ("recall", "peel", "of newer code")]))
    assert [circle.get("class") for circle in drawn.iter("circle")] == ["fill-recall", "fill-peel"]


def test_times_are_of_the_viewer_s_zone() -> None:
    zone = ZoneInfo("Europe/Berlin")
    drawn = user_graph.draw({"events": [event(1)], "edges": []}, zone)
    assert "bread · 01 May 14:00" in drawn
    assert "2026-05-01 14:00:00 Europe/Berlin" in timeline.draw([{"kind": "recall", "timestamp": AT}], zone)


def test_one_node_is_in_the_order_of_tab_and_cut_metadata_have_a_sign() -> None:
    one, other = event(1), event(2, metadata='{"a": 1}')
    drawn = wide(user_graph.draw({"events": [one, other], "edges": [edge(one["id"], "a", "PEEL")]}))
    nodes = {node.get("data-node") or "": node for node in drawn.iter("g")}
    assert [node.get("tabindex") for node in nodes.values()] == ["0", "-1", "-1"]
    details = [json.loads(nodes[f"e-{it['id']}"].get("data-detail") or "")["metadata"] for it in (one, other)]
    assert details == ['{"query": "bread", "resul…', '{"a": 1}']


def test_rates_have_one_scale_and_no_heading_without_marks() -> None:
    row = {"rank": "1", "shown": 100, "peeled": 50, "kept": 0, "good": 0, "bad": 0}
    draw = FIGURES["results_by_rank"].draw
    assert draw
    peeled, both = draw([row], "t"), draw([row | {"good": 5, "bad": 5}], "t")
    assert "Marks that are good" not in peeled
    assert [one.text for one in parsed(both).iter("h4")] == ["Marks that are good, of all marks"]
    first, second = (float(rect.get("width") or 0) for rect in wide_parts(both))
    assert first == pytest.approx(second, rel=0.05)  # the texts behind the bars differ


def wide_parts(drawn: Markup) -> list[ET.Element]:
    return [rect for div in parsed(drawn) if div.get("class") == "chart wide" for rect in div.iter("rect")]
