"""Being told to stop: by SIGTERM, when a cluster wants its machine back, or by Ctrl+C."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

UNCLAIMED: dict[signal.Signals, Any] = {signal.SIGTERM: signal.SIG_DFL, signal.SIGINT: signal.default_int_handler}
"""Signals to stop by, and their handlers where nobody else looks after them."""


class Stopped(SystemExit):
    """The process was told to stop; it exits with 128 + the signal's number, as shells count.

    Args:
        signum: the signal.

    Attributes:
        signal: its name.
    """

    def __init__(self, signum: int) -> None:
        super().__init__(128 + signum)
        self.signal = signal.Signals(signum).name


@contextmanager
def stoppable() -> Iterator[None]:
    """Raise `Stopped` at once where the process is told to stop, so that loggers and files are closed.

    Handlers of somebody else stay: submitit ignores SIGTERM and queues a job again when its own signal comes.
    """
    ours = [number for number, handler in UNCLAIMED.items() if signal.getsignal(number) == handler]
    if threading.current_thread() is not threading.main_thread():
        ours = []  # where Python hears no signals
    for number in ours:
        signal.signal(number, _stop)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, UNCLAIMED[number])


def _stop(signum: int, frame: FrameType | None) -> None:
    raise Stopped(signum)


@contextmanager
def unstopped() -> Iterator[None]:
    """Let signals to stop wait until the block is over: what it does is done whole."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = {number: signal.signal(number, lambda signum, _: came.append(signum)) for number in UNCLAIMED}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if came:
        signal.raise_signal(came[0])
