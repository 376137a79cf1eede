"""A deploy of which one step fails."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests

from local.component import CloudError
from local.deploy import ROOT, deploy
from tests.e2e.conftest import System
from tests.waiting import within


def code_of_functions(system: System) -> dict[str, str]:
    functions = system.target.client("lambda").list_functions()["Functions"]
    return {function["FunctionName"]: function["CodeSha256"] for function in functions}


def test_a_failing_migration_fails_the_deploy_and_the_old_code_still_works(
    system: System, post: Callable[[dict[str, Any]], requests.Response], sql: psycopg.Connection, tmp_path: Path
) -> None:
    before = code_of_functions(system)
    for name in ("runtime", "stacks"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("deployments", "__pycache__"))
    for name in ("app.py", "cdk.json"):
        shutil.copy(ROOT / name, tmp_path)
    broken = tmp_path / "runtime" / "chalicelib" / "ledger" / "migrations" / "9999.broken.sql"
    broken.write_text("CREATE TABLE half_done (); ALTER TABLE interaction DROP COLUMN not_there")
    with pytest.raises(CloudError, match="cdk deploy failed"):
        deploy(system.cloud, print, source=tmp_path)

    [stack] = system.target.client("cloudformation").describe_stacks(StackName="local-service")["Stacks"]
    assert stack["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert code_of_functions(system) == before
    assert sql.execute("SELECT to_regclass('half_done')").fetchone() == (None,)
    event_id = post({"kind": "recall", "timestamp": time.time()}).json()["event_id"]

    def arrived() -> None:
        assert sql.execute("SELECT kind FROM interaction WHERE event_id = %s", [event_id]).fetchall() == [("recall",)]

    within(10, arrived)
