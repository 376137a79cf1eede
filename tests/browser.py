"""Renders a page in a headless Chromium."""

import shutil
import subprocess
from pathlib import Path

CHROMIUM = shutil.which("chromium")
# Without these options Chromium calls Google's hosts.
DISABLED = ("gpu", "quic", "background-networking", "component-update", "sync")


def rendered(page: Path, profile: Path) -> str:
    """Return the page's HTML after its scripts have run."""
    assert CHROMIUM
    command = [CHROMIUM, "--headless", "--no-sandbox", "--no-first-run", *(f"--disable-{part}" for part in DISABLED)]
    command += [f"--user-data-dir={profile}", "--virtual-time-budget=10000", "--dump-dom", page.as_uri()]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return result.stdout
