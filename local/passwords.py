"""The stores' passwords: generated once for a folder, in a file that only its owner reads."""

import json
import os
import secrets
from pathlib import Path

NAMES = ("owner", "app", "neo4j")


def passwords(folder: Path) -> dict[str, str]:
    """Return the folder's passwords by role, made the first time."""
    file = folder / "passwords.json"
    if not file.exists():
        new = file.with_suffix(".new")
        with open(new, "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as private:
            # Hexadecimal: neo4j-admin takes a password that begins with a hyphen for an option.
            json.dump({name: secrets.token_hex(16) for name in NAMES}, private)
        new.rename(file)
    return dict(json.loads(file.read_text()))
