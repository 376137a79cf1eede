"""The runtime's layers: imports point downwards, SQL text is only in `ledger/`, Cypher text only in `graph/`."""

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
QUERY = {
    "ledger": re.compile(r"\b(SELECT|INSERT INTO|DELETE FROM)\b|\bUPDATE \w+ SET\b"),
    "graph": re.compile(r"\b(MATCH|MERGE|UNWIND|DETACH)\b|\bRETURN \w"),
}


def misplaced(chalicelib: Path) -> set[tuple[str, str]]:
    """Return the files that hold text of a query language, with the folder where such text belongs."""
    return {
        (file.relative_to(chalicelib).as_posix(), folder)
        for file in chalicelib.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        for folder, query in QUERY.items()
        if query.search(node.value) and file.parent.name != folder
    }


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a copy of the runtime's package."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copytree(ROOT / "stacks", tmp_path / "stacks")
    return Path(shutil.copytree(ROOT / "runtime" / "chalicelib", tmp_path / "chalicelib"))


def test_sql_and_cypher_stand_only_in_their_folders(copy: Path) -> None:
    assert misplaced(copy) == set()
    (copy / "projection" / "planted.py").write_text('_SQL = "SELECT 1"\n_CYPHER = f"MATCH (n) {1}"\n')
    (copy / "graph" / "planted.py").write_text('_SQL = "DELETE FROM interaction"\n')
    assert misplaced(copy) == {
        ("projection/planted.py", "ledger"),
        ("projection/planted.py", "graph"),
        ("graph/planted.py", "ledger"),
    }


def test_a_planted_import_that_points_upwards_is_refused(copy: Path) -> None:
    (copy / "graph" / "planted.py").write_text("from chalicelib.projection import projector\n")
    lint = Path(sys.executable).with_name("lint-imports")
    seen = subprocess.run([lint, "--no-cache"], cwd=copy.parent, capture_output=True, text=True, check=False)
    assert seen.returncode == 1
    assert "chalicelib.graph.planted -> chalicelib.projection.projector" in seen.stdout


def test_the_console_reaches_data_only_through_the_commands_code() -> None:
    files = {file: file.read_text() for file in (ROOT / "console").rglob("*.py")}
    assert len(files) > 10
    clients = re.compile(r"\.client\(|import (psycopg|neo4j|botocore)|from (psycopg|neo4j|botocore)")
    # `source.py` only makes clients that are shared.
    assert {file.name for file, text in files.items() if clients.search(text)} == {"source.py"}
    assert {(file, folder) for file, folder in misplaced(ROOT / "console") if folder in QUERY} == set()
