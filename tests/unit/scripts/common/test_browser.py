"""A secret address reaches the browser in a private file, and never on a command line."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

ADDRESS = "http://localhost:18090/open?token=secret&more=1"
# Stands in for the browser: it writes its command line and what the file that it is given holds.
BROWSER = """import json, os, sys, urllib.parse
seen = {"arguments": sys.argv[1:]}
address = urllib.parse.urlsplit(sys.argv[1])
if address.scheme == "file":
    path = urllib.parse.unquote(address.path)
    seen |= {"path": path, "text": open(path).read()}
    seen["modes"] = [os.stat(one).st_mode for one in (path, os.path.dirname(path))]
json.dump(seen, open(sys.argv[0] + ".seen", "w"))
"""
OPEN = "from scripts.common.browser import in_browser\nwith in_browser({!r}): pass\n"


def opened(folder: Path, **variables: str) -> dict[str, object]:
    """Open the address in a process of its own, which chooses its browser anew; return what the browser saw."""
    browser, home = folder / "browser.py", folder / "a home"
    browser.write_text(BROWSER)
    home.mkdir()
    given = os.environ | {"BROWSER": f"{sys.executable} {browser} %s", "HOME": str(home)} | variables
    subprocess.run([sys.executable, "-c", OPEN.format(ADDRESS)], env=given, check=True, timeout=60)
    assert list(home.iterdir()) == []
    return dict(json.loads(Path(f"{browser}.seen").read_text()))


def test_the_browser_gets_a_private_file_that_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WSL_DISTRO_NAME", raising=False)
    seen = opened(tmp_path)
    assert [argument for argument in seen["arguments"] if "secret" in argument] == []  # type: ignore[attr-defined]
    assert 'content="0;url=http://localhost:18090/open?token=secret&amp;more=1"' in str(seen["text"])
    assert [oct(stat.S_IMODE(mode)) for mode in seen["modes"]] == ["0o600", "0o700"]  # type: ignore[attr-defined]
    assert not Path(str(seen["path"])).exists()


def test_a_browser_that_reads_no_files_gets_the_address_without_the_token(tmp_path: Path) -> None:
    assert opened(tmp_path, WSL_DISTRO_NAME="Ubuntu")["arguments"] == ["http://localhost:18090/open"]
