"""The entry point of all commands: signals, standard streams and exit codes, before anything slow is imported."""

import builtins
import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

from scripts.common.exit_codes import FAILED, WRONG_USE

INTERRUPTS = (signal.SIGINT, signal.SIGHUP, signal.SIGTERM)  # the last one last: by it tests see that all are set
HELD = {*INTERRUPTS, signal.SIGALRM}
BEAT_SECONDS = 0.5

_IMPORT = builtins.__import__


def main() -> None:
    """Run the command that this process was started as: `verify-graph` is scripts/verify_graph.py."""
    builtins.__import__ = _import_whole
    sys.unraisablehook = _interrupt_again
    signal.signal(signal.SIGALRM, _beat)
    signal.setitimer(signal.ITIMER_REAL, BEAT_SECONDS, BEAT_SECONDS)
    for number in INTERRUPTS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup sets it
            signal.signal(number, _interrupt)
    try:
        status = _run(Path(sys.argv[0]).name.replace("-", "_")) if _open_streams() else WRONG_USE
    except KeyboardInterrupt:  # while it imports
        status = _fail("interrupted")
    except OSError:  # standard error cannot be written
        _discard(2)
        status = FAILED
    status = _flush(status)
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.exit(status)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


_lost = False


def _beat(_number: int, _frame: FrameType | None) -> None:
    """End each wait twice a second, so that Python looks at its signals.

    One that comes just before a wait would be looked at when that ends: another thread or a busy machine makes this
    moment long. Raises what was lost in a callback.
    """
    global _lost  # noqa: PLW0603
    if _lost:
        _lost = False
        raise KeyboardInterrupt


def _import_whole(*arguments: Any, **named: Any) -> Any:
    """Import without an interrupt in between: some modules in C lose it and go on, and DuckDB's ends the process."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, HELD)
    try:
        return _IMPORT(*arguments, **named)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _interrupt_again(unraisable: "sys.UnraisableHookArgs") -> None:
    """Interrupt once more, soon, if the exception was lost in a callback that Python itself calls, as imports have."""
    global _lost  # noqa: PLW0603
    if isinstance(unraisable.exc_value, KeyboardInterrupt):
        _lost = True
    else:
        sys.__unraisablehook__(unraisable)


def _run(name: str) -> int:
    from scripts.common.cli import run

    return run(getattr(_import_whole(f"scripts.{name}", fromlist=[name]), name), sys.argv[1:])


def _open_streams() -> bool:
    """Replace closed streams, whose number the next file would get; return whether there is a standard output."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    sys.stdin, sys.stderr = sys.stdin or os.fdopen(0), sys.stderr or os.fdopen(2, "w")
    if sys.stdout is None:
        sys.stdout = os.fdopen(1, "w")
        _fail("standard output is closed")
        return False
    return True


def _flush(status: int) -> int:
    """Write what is left of the output; return the status, or FAILED if that fails.

    Silently if nobody reads it any more, or if the command has failed: Python 3.14 keeps what it could not write.
    """
    try:
        sys.stdout.flush()
    except OSError as error:
        _discard(1)
        silent = status or isinstance(error, BrokenPipeError)
        return FAILED if silent else _fail(f"standard output: {error.strerror}")
    return status


def _discard(stream: int) -> None:
    """Write to nowhere: the interpreter flushes once more at the end, and Python 3.14 still has what failed."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream)


def _fail(reason: str) -> int:
    sys.stderr.write(f"Error: {reason}\n")
    return FAILED
