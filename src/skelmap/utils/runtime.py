"""Process-level helpers: signals, memory, several processes."""

import ctypes
import gc
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

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
def exit_on_signal() -> Iterator[None]:
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
def delay_signals() -> Iterator[None]:
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


M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
"""Numbers of glibc's malloc.h."""
KEPT = 2**31 - 1
"""Free memory above this goes back to the system, bytes."""


def keep_freed_memory() -> None:
    """Tell glibc not to hand freed memory back to the system after every batch.

    Large tensors otherwise come from fresh pages each time, and clearing those pages takes up to a fifth of a step on
    a CPU. Up to 2 GiB of free memory may stay with the process. Does nothing where the C library is another one.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(M_MMAP_MAX, 0)
        mallopt(M_TRIM_THRESHOLD, KEPT)


PROC = Path("/proc/self")
FORGET = "5"
"""What resets the peak when it is written to clear_refs (proc(5))."""


def reset_peak_memory() -> None:
    """Begin anew: a process may have run larger things before, as the cells of a sweep do."""
    gc.collect()
    gc.freeze()  # what is left are modules: the next time they need not be looked through
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)  # what `keep_freed_memory` has kept
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    with suppress(OSError):
        (PROC / "clear_refs").write_text(FORGET)


def peak_memory_mb() -> int | None:
    """Give the peak since `forget_peak`, 10^6 bytes; None where the system tells no more than the whole process's."""
    if torch.cuda.is_available() and torch.cuda.max_memory_allocated():
        return round(torch.cuda.max_memory_allocated() / 1e6)
    if not os.access(PROC / "clear_refs", os.W_OK):
        return None
    status = dict(line.split(":", 1) for line in (PROC / "status").read_text().splitlines())
    return round(int(status["VmHWM"].split()[0]) * 1024 / 1e6)


def gather_concat(part: Tensor) -> Tensor:
    """Concatenate tensors of all processes, by rank; they may differ in length."""
    if not dist.is_initialized():
        return part
    parts = [part.cpu()] * dist.get_world_size()
    dist.all_gather_object(parts, part.cpu())
    return torch.cat(parts).to(part.device)


def broadcast_buffers(module: nn.Module) -> None:
    """Give all processes the first one's running means: they are what its checkpoint will hold."""
    if dist.is_initialized():
        for buffer in module.buffers():
            dist.broadcast(buffer, src=0)
