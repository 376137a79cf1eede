"""export-ledger: a file a day, complete or not there, and left alone when it is."""

from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner, Result

from scripts import export_ledger
from scripts.common.errors import OperationError
from scripts.common.exit_codes import FAILED, WRONG_USE
from tests.unit.scripts.fake_sqs import FakeTarget

ROW: dict[str, Any] = {
    "id": "019de368-f600-8616-9ada-c7f24f1011fc",
    "user_id": "ünï",
    "event_id": "915f351d-ccc5-5e0e-96bf-cbeba0b6864b",
    "kind": "keep",
    "artifact_id": "a",
    "metadata": '{"position": 1, "n": 1e308}',
    "timestamp": "2026-05-01T12:00:00.123456+00:00",
    "received_at": "2026-05-01T12:00:01+00:00",
    "stored_at": "2026-05-01T12:00:02+00:00",
}


class Dev(FakeTarget):
    """A target with two rows on each day but the second, which is empty."""

    def operate(self, operation: str, **arguments: Any) -> Any:
        assert operation == "export_day"
        day = arguments["day"]
        self.results.setdefault("asked", []).append(day)
        if day == self.results.get("fails"):
            raise OperationError("export_day: the ledger is unavailable")
        if day == "2026-05-02" or arguments["cursor"] == "2":
            return {"interactions": [], "cursor": None}
        cursor = {None: "1", "1": "2"}[arguments["cursor"]]
        return {"interactions": [ROW | {"artifact_id": cursor}], "cursor": cursor}


@pytest.fixture
def dev(monkeypatch: pytest.MonkeyPatch) -> Dev:
    target = Dev("dev", "us-east-1", None)
    monkeypatch.setattr(export_ledger, "find_target", lambda _: target)
    return target


def export(folder: Path, *words: str) -> Result:
    days = ["--since", "2026-05-01", "--until", "2026-05-03"]
    return CliRunner().invoke(export_ledger.export_ledger, ["-e", "dev", *days, "-o", str(folder), *words])


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def read(folder: Path) -> list[tuple[Any, ...]]:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        return connection.read_parquet(str(folder / "*.parquet")).order("timestamp, artifact_id").fetchall()


@pytest.mark.usefixtures("dev")
def test_each_day_is_a_file_with_the_tables_columns_and_types(tmp_path: Path) -> None:
    folder = tmp_path / "made" / "here"
    result = export(folder)
    assert result.stdout == "4 interactions in 3 files; 0 days were there already\n"
    assert sorted(path.name for path in folder.iterdir()) == [
        f"interaction-2026-05-0{day}.parquet" for day in (1, 2, 3)
    ]
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    [first, *_] = rows = read(folder)
    assert len(rows) == 4
    assert [str(value) for value in first[:2]] == [ROW["id"], ROW["user_id"]]
    assert first[5] == ROW["metadata"]
    assert first[6].isoformat() == ROW["timestamp"]


def test_after_an_interruption_it_continues_and_again_writes_all_anew(dev: Dev, tmp_path: Path) -> None:
    dev.results["fails"] = "2026-05-03"
    assert export(tmp_path).exit_code == FAILED
    assert names(tmp_path) == [f"interaction-2026-05-0{day}.parquet" for day in (1, 2)]
    dev.results.update(fails=None, asked=[])
    assert export(tmp_path).stdout == "2 interactions in 1 files; 2 days were there already\n"
    assert set(dev.results["asked"]) == {"2026-05-03"}
    assert export(tmp_path, "--again").stdout == "4 interactions in 3 files; 0 days were there already\n"
    assert len(read(tmp_path)) == 4


@pytest.mark.usefixtures("dev")
def test_what_is_no_folder_is_refused_before_anything_is_asked(tmp_path: Path, dev: Dev) -> None:
    file = tmp_path / "file"
    file.write_text("")
    for words in ([str(file / "below")], [str(tmp_path), "--until", "2026-04-30"]):
        result = export(Path(words[0]), *words[1:])
        assert result.exit_code == WRONG_USE
    assert "asked" not in dev.results
