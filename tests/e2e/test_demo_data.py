"""`make demo-data` on the deployed system: made-up people sign in and post, and each interaction is stored once."""

import psycopg
import pytest
from click.testing import CliRunner

from local import demo_data
from tests.e2e.conftest import System
from tests.waiting import within

OPTIONS = ["--people", "3", "--interactions", "150", "--seed", "7"]
COUNT = "SELECT count(*) FROM interaction WHERE user_id = ANY(%s)"


def test_made_up_people_post_and_a_repeat_adds_nothing(
    system: System, sql: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo_data, "read_local_environment", lambda: system.environment)
    for _ in range(2):
        result = CliRunner().invoke(demo_data.main, OPTIONS)
        assert (result.exit_code, result.output.splitlines()[-1].split()[:3]) == (0, ["3", "people", "posted"])
    users = system.target.client("cognito-idp").list_users(UserPoolId=system.target.outputs["UserPoolId"])["Users"]
    attributes = [{one["Name"]: one["Value"] for one in user["Attributes"]} for user in users]
    ids = [one["sub"] for one in attributes if one["email"].startswith("person-")]
    assert len(ids) == 3

    def stored() -> None:
        assert sql.execute(COUNT, [ids]).fetchone() == (150,)

    within(60, stored)
