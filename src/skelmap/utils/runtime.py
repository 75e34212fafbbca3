"""Signals, memory and distributed processes. Imports torch only inside the functions that need it."""

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
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn

DEFAULT_HANDLERS: dict[signal.Signals, Any] = {
    signal.SIGTERM: signal.SIG_DFL,
    signal.SIGINT: signal.default_int_handler,
}
"""Signals that stop the process, and the handlers they have unless another library replaced them."""
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
"""Parameters of glibc's mallopt (malloc.h)."""
MAX_FREE_BYTES = 2**31 - 1
"""Freed memory above this is returned to the system."""
PROC = Path("/proc/self")
RESET_PEAK = "5"
"""Written to clear_refs, resets the peak memory (proc(5))."""


class Stopped(SystemExit):
    """A signal stopped the process; the exit code is 128 + the signal's number, as in shells.

    Args:
        signum: the signal.

    Attributes:
        signal: its name, such as SIGTERM.
    """

    def __init__(self, signum: int) -> None:
        super().__init__(128 + signum)
        self.signal = signal.Signals(signum).name


@contextmanager
def exit_on_signal() -> Iterator[None]:
    """Raise `Stopped` on SIGTERM and Ctrl-C, so that loggers and files are closed.

    Handlers of other libraries stay: submitit ignores SIGTERM and requeues a job on its own signal.
    """
    ours = [number for number, handler in DEFAULT_HANDLERS.items() if signal.getsignal(number) == handler]
    if threading.current_thread() is not threading.main_thread():
        ours = []  # Python handles signals in the main thread only
    for number in ours:
        signal.signal(number, _stop)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, DEFAULT_HANDLERS[number])


def _stop(signum: int, frame: FrameType | None) -> None:
    raise Stopped(signum)


@contextmanager
def delay_signals() -> Iterator[None]:
    """Deliver SIGTERM and Ctrl-C only after the block, which is thus never interrupted."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received: list[int] = []
    before = {number: signal.signal(number, lambda signum, _: received.append(signum)) for number in DEFAULT_HANDLERS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if received:
        signal.raise_signal(received[0])


def keep_freed_memory() -> None:
    """Keep up to 2 GiB of freed memory in the process instead of returning it to the system after every batch.

    Otherwise large tensors get new pages each time, and zeroing them takes up to a fifth of a training step on a CPU.
    Only for glibc; does nothing with another C library.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(M_MMAP_MAX, 0)
        mallopt(M_TRIM_THRESHOLD, MAX_FREE_BYTES)


def reset_peak_memory() -> None:
    """Reset the peak memory: one process runs several jobs of a sweep, and earlier ones may have needed more."""
    import torch

    gc.collect()
    gc.freeze()  # mostly modules remain; later collections skip them
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)  # returns what `keep_freed_memory` kept
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    with suppress(OSError):
        (PROC / "clear_refs").write_text(RESET_PEAK)


def peak_memory_mb() -> int | None:
    """Measure the peak memory since `reset_peak_memory`, 10^6 bytes: of the GPU if used, else of the process.

    Returns:
        None where the system gives only the peak since the process started.
    """
    import torch

    if torch.cuda.is_available() and torch.cuda.max_memory_allocated():
        return round(torch.cuda.max_memory_allocated() / 1e6)
    if not os.access(PROC / "clear_refs", os.W_OK):
        return None
    status = dict(line.split(":", 1) for line in (PROC / "status").read_text().splitlines())
    return round(int(status["VmHWM"].split()[0]) * 1024 / 1e6)


def gather_concat(part: "Tensor") -> "Tensor":
    """Concatenate the tensors of all distributed processes, by rank; lengths may differ."""
    import torch
    import torch.distributed as dist

    if not dist.is_initialized():
        return part
    parts = [part.cpu()] * dist.get_world_size()
    dist.all_gather_object(parts, part.cpu())
    return torch.cat(parts).to(part.device)


def broadcast_buffers(module: "nn.Module") -> None:
    """Copy the buffers of rank 0 (running statistics of batch normalisation), which it saves, to all processes."""
    import torch.distributed as dist

    if dist.is_initialized():
        for buffer in module.buffers():
            dist.broadcast(buffer, src=0)
