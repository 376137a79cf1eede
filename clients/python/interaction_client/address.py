"""The API's address: the user's token must not cross a network in clear text."""

from urllib.parse import urlsplit

THIS_MACHINE = {"localhost", "127.0.0.1", "::1"}


def api_address(url: str) -> str:
    """Return the address without a slash at its end. Raises ValueError if it is neither https: nor of this machine."""
    parts = urlsplit(url)
    if parts.hostname and (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in THIS_MACHINE)):
        return url.rstrip("/")
    raise ValueError("url: must begin with https:// (http:// only for localhost, 127.0.0.1 and [::1])")
