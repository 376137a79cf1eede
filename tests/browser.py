"""Renders a page in a headless Chromium."""

import shutil
import subprocess
from pathlib import Path

CHROMIUM = shutil.which("chromium")
# Without these options Chromium calls Google's hosts.
DISABLED = ("gpu", "quic", "background-networking", "component-update", "sync")


def rendered(url: str, profile: Path, *options: str) -> str:
    """Return the HTML of the page at this URL after its scripts have run."""
    return _run(url, profile, "--dump-dom", *options)


def take_screenshot(page: Path, profile: Path, *, to: Path, size_pixels: tuple[int, int]) -> None:
    """Write the top of the page, of this width and height, as a PNG."""
    width, height = size_pixels
    _run(page.as_uri(), profile, f"--screenshot={to}", f"--window-size={width},{height}", "--hide-scrollbars")


def _run(url: str, profile: Path, *options: str) -> str:
    assert CHROMIUM, "needs chromium"
    command = [CHROMIUM, "--headless", "--no-sandbox", "--no-first-run", *(f"--disable-{part}" for part in DISABLED)]
    command += [f"--user-data-dir={profile}", "--virtual-time-budget=10000", *options, url]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
