"""Every command, interrupted at ten moments of its first second."""

import os
import signal

import pytest

from tests.commands import CALLING, MOMENTS, REFUSING, interrupt, silent_endpoint


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("command", CALLING)
def test_an_interrupt_is_one_line_and_exit_3(command: str, moment: float) -> None:
    with silent_endpoint() as environment:
        status, error = interrupt(command, moment, environment)
    assert (status, error.splitlines()[-1]) == (3, "Error: interrupted"), error
    assert "Traceback" not in error


@pytest.mark.parametrize("moment", MOMENTS)
def test_an_interrupted_tunnel_says_so_or_had_ended(moment: float) -> None:
    """`tunnel -e local` calls nothing: it may have printed its lines before, and end by the signal after that."""
    status, error = interrupt(
        "tunnel", moment, os.environ | {"AWS_ENDPOINT_URL": REFUSING, "ANALYST_DATABASE_URL": "made-up"}
    )
    assert (status, error) in [(0, ""), (-signal.SIGINT, ""), (3, "Error: interrupted\n")]
