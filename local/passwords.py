"""Passwords and keys of the local cloud: generated once for a folder, in a file that only its owner reads."""

import json
import secrets
from pathlib import Path

from local.component import CloudError
from scripts.common.output_files import PRIVATE, replace_file

NAMES = (
    *("owner", "app", "operator", "analyst", "event_status", "neo4j"),  # who logs in to a store
    *("aws_access_key_id", "aws_secret_access_key", "front"),
)


def passwords(folder: Path) -> dict[str, str]:
    """Return the folder's passwords by role, each made when it is first asked for.

    Raises CloudError when the file is damaged: the stores know the passwords that were in it.
    """
    file = folder / "passwords.json"
    try:
        known: dict[str, str] = dict(json.loads(file.read_text())) if file.exists() else {}
    except (ValueError, TypeError):
        raise CloudError(
            f"{file} is damaged, and the stores' data is of no use without the passwords in it: put back a copy, or "
            "`make clean` removes it with the data"
        ) from None
    if missing := [name for name in NAMES if name not in known]:
        # Hexadecimal: neo4j-admin takes a password that begins with a hyphen for an option.
        known |= {name: secrets.token_hex(16) for name in missing}
        with replace_file(file, mode=PRIVATE) as private:
            json.dump(known, private)
    return known
