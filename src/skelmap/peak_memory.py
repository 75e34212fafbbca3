"""The highest memory of one run: of this process or, where it uses one, of its GPU."""

import ctypes
import gc
import os
import sys
from contextlib import suppress
from pathlib import Path

import torch

PROC = Path("/proc/self")
FORGET = "5"
"""What resets the peak when it is written to clear_refs (proc(5))."""


def forget_peak() -> None:
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


def peak_mb() -> int | None:
    """Give the peak since `forget_peak`, 10^6 bytes; None where the system tells no more than the whole process's."""
    if torch.cuda.is_available() and torch.cuda.max_memory_allocated():
        return round(torch.cuda.max_memory_allocated() / 1e6)
    if not os.access(PROC / "clear_refs", os.W_OK):
        return None
    status = dict(line.split(":", 1) for line in (PROC / "status").read_text().splitlines())
    return round(int(status["VmHWM"].split()[0]) * 1024 / 1e6)
