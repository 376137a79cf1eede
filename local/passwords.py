"""Passwords and keys of the local cloud: generated once for a folder, in a file that only its owner reads."""

import json
import os
import secrets
from pathlib import Path

NAMES = ("owner", "app", "operator", "neo4j", "aws_access_key_id", "aws_secret_access_key", "front")


def passwords(folder: Path) -> dict[str, str]:
    """Return the folder's passwords by role, each made when it is first asked for."""
    file = folder / "passwords.json"
    known: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
    if missing := [name for name in NAMES if name not in known]:
        # Hexadecimal: neo4j-admin takes a password that begins with a hyphen for an option.
        known |= {name: secrets.token_hex(16) for name in missing}
        new = file.with_suffix(".new")
        with open(new, "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as private:
            json.dump(known, private)
        new.rename(file)
    return known
