"""What `make audit` calls a pass, and what `make sbom` lists."""

import secrets
import string
import subprocess
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.scan.__main__ import Acceptance
from tests.scan.audit import Looked, exit_code, of_npm, of_pip_audit, told, with_newest
from tests.scan.newest import of_page
from tests.scan.sbom import REQUIREMENTS, pins_of, shipped
from tests.scan.tools import ROOT, Finding

CLEAN = {"name": "click", "version": "8.5.0", "vulns": []}


def test_a_package_that_was_skipped_is_no_pass() -> None:
    skipped = {"name": "pydantic", "skip_reason": "not found"}
    looked = of_pip_audit("pins", {"dependencies": [CLEAN, skipped], "fixes": []})
    assert looked == Looked("pins", 2, [], ["pydantic"])
    assert exit_code([looked]) == 3


def test_a_registry_that_does_not_answer_is_no_pass() -> None:
    looked = of_npm("package-lock.json", {"message": "405 Method Not Allowed", "statusCode": 405})
    assert looked.unknown == ["405 Method Not Allowed"]
    assert exit_code([looked]) == 3


def test_a_list_without_packages_is_no_pass() -> None:
    assert exit_code([of_pip_audit("pins", {"dependencies": []})]) == 3


def test_a_known_vulnerability_fails_whatever_else_is_unknown() -> None:
    vulnerable = CLEAN | {"vulns": [{"id": "PYSEC-2026-1"}]}
    looked = of_pip_audit("pins", {"dependencies": [vulnerable, {"name": "x", "skip_reason": "y"}]})
    assert looked.vulnerable == [Finding("audit", "PYSEC-2026-1", "pins/click")]
    npm = of_npm("lock", {"metadata": {"dependencies": {"total": 1}}, "vulnerabilities": {"a": {"severity": "high"}}})
    assert npm.vulnerable == [Finding("audit", "high", "lock/a")]
    assert exit_code([looked]) == exit_code([npm]) == 1


def test_a_vulnerability_may_be_accepted_where_it_is() -> None:
    accepted = [Acceptance("audit", "PYSEC-2026-1", "pins/click", "nothing that it breaks is used")]
    vulnerable = of_pip_audit("pins", {"dependencies": [CLEAN | {"vulns": [{"id": "PYSEC-2026-1"}]}]})
    assert exit_code([vulnerable], accepted) == 0
    elsewhere = [accepted[0]._replace(where="others/click")]
    assert exit_code([vulnerable], elsewhere) == 1


def test_all_looked_up_and_clean_is_a_pass() -> None:
    assert exit_code([of_pip_audit("pins", {"dependencies": [CLEAN]})]) == 0


def test_a_page_tells_only_of_the_version_that_it_is_about() -> None:
    page = {"info": {"version": "2.6.1"}, "vulnerabilities": [{"id": "PYSEC-1"}, {"id": "PYSEC-2", "withdrawn": "now"}]}
    assert of_page(page, "2.6.1") == ["PYSEC-1"]
    assert of_page(page, "2.6.0") is None
    assert of_page({"info": {"version": "2.6.1"}}, "2.6.1") is None


def test_what_newest_releases_tell_is_added_and_the_rest_stays_unknown() -> None:
    looked = Looked("pins", 3, [], ["a", "b", "c"])
    more = with_newest(looked, {"a": [], "b": ["PYSEC-1"]})
    assert more == Looked("pins", 3, [Finding("audit", "PYSEC-1", "pins/b")], ["c"])
    assert list(told(more)) == [
        "pins: 2 of 3 packages were looked up, 1 known vulnerabilities",
        "  VULNERABLE pins/b: PYSEC-1",
        "  NOT LOOKED UP: c",
    ]


def test_a_list_that_was_not_looked_up_has_no_count() -> None:
    assert list(told(of_npm("lock", {"message": "405"}))) == ["lock: NOT LOOKED UP: 405"]


def test_the_bill_of_materials_lists_what_is_in_the_archive_and_nothing_else(tmp_path: Path) -> None:
    with ZipFile(tmp_path / "layer.zip", "w") as archive:
        for name in ("psycopg_binary-3.3.9", "pydantic-2.13.5"):
            archive.writestr(f"python/lib/python3.13/site-packages/{name}.dist-info/METADATA", "")
    packages = shipped(tmp_path / "layer.zip")
    assert packages == {"psycopg-binary", "pydantic"}
    pins = pins_of(packages, REQUIREMENTS.read_text()).splitlines()
    assert [line.split("==")[0] for line in pins] == ["psycopg-binary", "pydantic"]
    assert all("--hash=sha256:" in line and ";" not in line for line in pins)


def test_a_package_without_a_pin_is_refused() -> None:
    with pytest.raises(ValueError, match=r"not pinned: \['surprise'\]"):
        pins_of({"surprise"}, REQUIREMENTS.read_text())


def test_a_planted_secret_is_found(tmp_path: Path) -> None:
    planted = tmp_path / "planted.py"
    command: list[str | Path] = [
        ROOT / "node_modules/.bin/secretlint",
        "--secretlintrc",
        ROOT / ".secretlintrc.json",
        planted,
    ]
    secret = "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(40))
    for text, found in (("nothing = 1\n", 0), (f'aws_secret_access_key = "{secret}"\n', 1)):
        planted.write_text(text)
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == found, done.stdout + done.stderr
