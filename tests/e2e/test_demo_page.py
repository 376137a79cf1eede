"""The demo page of the deployed system, used as a person does."""

import json
from pathlib import Path

import psycopg
import pytest
import requests

from tests.browser import CHROMIUM
from tests.e2e.conftest import System
from tests.node import CLIENT, run

MAX_PICTURE_BYTES = 200_000
PICTURE = Path(__file__).parents[2] / "docs" / "demo.png"


@pytest.mark.browser
def test_what_a_person_does_on_the_page_arrives_and_is_shown(
    system: System, sql: psycopg.Connection, tmp_path: Path
) -> None:
    url, picture = f"{system.environment['API_URL']}/", tmp_path / "demo.png"
    program = str(CLIENT / "test" / "demo.ts")
    shown = json.loads(run("node", program, url, str(picture), CHROMIUM=str(CHROMIUM)))
    assert picture.stat().st_size <= MAX_PICTURE_BYTES
    assert shown["errors"] == []
    done = [
        ["recall", ""],
        ["peel", "bread-without-kneading"],
        ["mark_good", "bread-without-kneading"],
        ["keep", "why-bread-goes-stale"],
        ["mark_bad", "sourdough-day-by-day"],
    ]
    assert shown["rows"] == done
    assert sorted(shown["edges"]) == ["INITIATED", "KEEP", "MARK_BAD", "MARK_GOOD", "PEEL"]
    assert shown["status"] == "everything is sent"
    [(results, positions)] = sql.execute(
        "SELECT min(metadata->>'results'), count(metadata->'position') FROM interaction"
        " WHERE event_id = (SELECT event_id FROM interaction WHERE artifact_id = 'why-bread-goes-stale')"
    )
    assert (json.loads(results)[0], positions) == ("bread-without-kneading", 4)


def test_the_page_takes_nothing_from_elsewhere_and_is_in_no_frame(system: System) -> None:
    answer = requests.get(f"{system.environment['API_URL']}/", timeout=10)
    assert answer.status_code == 200
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "http" not in answer.text


def test_the_picture_in_readme_is_small() -> None:
    assert PICTURE.stat().st_size <= MAX_PICTURE_BYTES
