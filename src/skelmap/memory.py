"""Keep freed memory for the next batch: a step's tensors are as large as the last one's."""

import ctypes
import sys

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
