"""MiniStack and its guard in one process: nothing else listens, and no request takes a second hop."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any, cast

from hypercorn.asyncio import serve
from hypercorn.config import Config

from local import queues
from local.aws_guard import Guard
from local.component import LOOPBACK
from local.passwords import passwords


def main() -> None:
    """Serve on loopback: `python -m local.aws_endpoint FOLDER PORT`."""
    folder, port = Path(sys.argv[1]), int(sys.argv[2])
    known = passwords(folder)  # a file, because anybody can read a command line
    access_key_id, secret = known["aws_access_key_id"], known["aws_secret_access_key"]
    os.environ.update(AWS_ACCESS_KEY_ID=access_key_id, AWS_SECRET_ACCESS_KEY=secret)
    # Imported now, because MiniStack reads its environment then.
    from ministack.app import app  # noqa: PLC0415
    from ministack.core.responses import get_account_id  # noqa: PLC0415
    from ministack.services import cognito, sts  # noqa: PLC0415

    # Its functions get this secret, and their account as the key's id.
    own = dict.fromkeys((access_key_id, get_account_id()), secret)

    def secret_of(key: str) -> str | None:
        return own.get(key) or sts._sessions.get(key, {}).get("SecretAccessKey")  # noqa: SLF001  of assumed roles

    is_genuine = cognito._signature_valid  # noqa: SLF001  by the keys of the pool that the token names
    guard = Guard(app, port=port, secret_of=secret_of, is_genuine=is_genuine, front_key=known["front"])
    # Both as MiniStack's own command has them.
    config = Config.from_mapping(bind=[f"{LOOPBACK}:{port}"], keep_alive_timeout=75, loglevel="INFO")
    asyncio.run(_serve(guard, config, folder))


async def _serve(guard: Guard, config: Config, folder: Path) -> None:
    """Serve until a signal, with the queues on disk."""
    queues.set_aside(folder)
    keeping = asyncio.create_task(queues.keep_on_disk(folder))
    await serve(cast("Any", guard), config)  # hypercorn and Starlette name the same protocol's types apart
    keeping.cancel()
    queues.write(folder)


if __name__ == "__main__":
    main()
