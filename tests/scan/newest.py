"""What PyPI's page of a package says of its newest release: an answer where that release is the one that is pinned.

pip-audit reads the pages of single releases, and a mirror may not have them.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import requests
from pip._internal.models.index import PyPI

TIMEOUT_SECONDS = 30
_PIN = re.compile(r"^([\w.-]+)==([^ ;\\]+)", re.MULTILINE)


def look_up(names: Iterable[str], requirements: str) -> dict[str, list[str]]:
    """Return the known vulnerabilities of those of the packages that could be looked up, by name."""
    pinned = dict(_PIN.findall(requirements))
    found = {}
    with requests.Session() as session:
        for name in names:
            try:
                page = session.get(f"{PyPI.pypi_url}/{name}/json", timeout=TIMEOUT_SECONDS).json()
            except requests.RequestException:
                continue
            vulnerabilities = of_page(page, pinned.get(name))
            if vulnerabilities is not None:
                found[name] = vulnerabilities
    return found


def of_page(page: Mapping[str, Any], version: str | None) -> list[str] | None:
    """Return the ids of the version's vulnerabilities; None if the page is about another one, or does not tell."""
    if "vulnerabilities" not in page or page.get("info", {}).get("version") != version:
        return None
    return [one["id"] for one in page["vulnerabilities"] if not one.get("withdrawn")]
