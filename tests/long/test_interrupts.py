"""Every command, interrupted at ten moments of its first second."""

import pytest

from tests.commands import CALLING, MOMENTS, interrupt, silent_endpoint


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("command", CALLING)
def test_an_interrupt_is_one_line_and_exit_3(command: str, moment: float) -> None:
    with silent_endpoint() as environment:
        status, error = interrupt(command, moment, environment)
    assert (status, error.splitlines()[-1]) == (3, "Error: interrupted")
    assert "Traceback" not in error
