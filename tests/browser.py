"""A headless Chromium, to see a page as people do."""

import shutil
import subprocess
from pathlib import Path

CHROMIUM = shutil.which("chromium")
# Without these it looks for its maker's hosts, and has none to find.
QUIET = ("gpu", "quic", "background-networking", "component-update", "sync")


def rendered(page: Path, profile: Path) -> str:
    """Return the page's document once its scripts have run."""
    assert CHROMIUM
    command = [CHROMIUM, "--headless", "--no-sandbox", "--no-first-run", *(f"--disable-{part}" for part in QUIET)]
    command += [f"--user-data-dir={profile}", "--virtual-time-budget=10000", "--dump-dom", page.as_uri()]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return result.stdout
