"""Try the laptop's cloud: `python -m local start|stop|status`."""

import os
import sys
from pathlib import Path

from rich.console import Console

from local.cloud import Cloud
from local.part import CloudError
from local.ports import Ports


def main() -> None:
    """Do what the first argument says."""
    console = Console(stderr=True)
    try:
        cloud = Cloud(folder=Path(os.environ.get("LOCAL_FOLDER", ".local")), ports=Ports.of(os.environ))
        match sys.argv[1:]:
            case ["start"]:
                with console.status("starting") as status:
                    cloud.up(narrate=status.update)
            case ["stop"]:
                cloud.down()
            case ["status"]:
                console.print(cloud.status())
    except CloudError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
