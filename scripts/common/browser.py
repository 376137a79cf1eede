"""Opens a secret address in the person's browser, but not on its command line, which all users of the machine read."""

import os
import tempfile
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import Final

from scripts.common.output_files import write_new_file

_PAGE: Final = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="referrer" content="no-referrer">'
    '<meta http-equiv="refresh" content="0;url={address}"><title>Opening</title>'
    '<p><a href="{address}">Open</a></p></html>\n'
)


@contextmanager
def in_browser(address: str) -> Iterator[None]:
    """Open the address by a file that leads to it, which only this user may read; remove the file at the end.

    A browser of Windows does not read files of Linux: it gets the address without its query, so without a token in it.
    """
    if "WSL_DISTRO_NAME" in os.environ:
        webbrowser.open(address.partition("?")[0])
        yield
        return
    home = Path.home()  # a browser in a sandbox, as Ubuntu's, reads no hidden folder and sees another /tmp
    with tempfile.TemporaryDirectory(prefix="opening-", dir=home if os.access(home, os.W_OK) else None) as folder:
        file = Path(folder, "open.html")
        with write_new_file(file) as page:
            page.write(_PAGE.format(address=escape(address)))
        webbrowser.open(file.as_uri())
        yield
