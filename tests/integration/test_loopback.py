"""Nobody else may answer at what `localhost` means."""

import socket
from collections.abc import Iterator

import pytest

from local.ports import is_free
from scripts.common.loopback import listen


@pytest.fixture
def taken() -> Iterator[int]:
    """Return a port that somebody else has at ::1 alone."""
    try:
        other = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("this machine has no IPv6")
    with other:
        yield other.getsockname()[1]


def test_a_port_that_is_taken_at_one_address_of_loopback_is_taken(taken: int) -> None:
    assert not is_free(taken)
    with pytest.raises(OSError, match="in use"):
        listen(taken)
    with socket.create_server(("127.0.0.1", taken)):  # the first address was given back
        pass


def test_a_free_port_is_listened_on_at_every_address() -> None:
    sockets = listen(0)
    try:
        [port] = {one.getsockname()[1] for one in sockets}
        assert not is_free(port)
    finally:
        for one in sockets:
            one.close()
    assert is_free(port)
