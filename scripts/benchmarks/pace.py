"""Laps of a worker process: it works when the parent says so, and tells how long it took.

The parent writes a line for each lap, the worker answers with the seconds. Rivals run as processes of their own, one
after the other in turns, so that whatever else the machine does meets all of them alike, and none lives with the
others' settings of the memory allocator.
"""

import sys
import time

import torch


class Pace:
    """Time laps of a number of steps.

    Args:
        steps: in a lap.
    """

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self._left = steps  # the first lap warms up: its time is told and thrown away
        self._began = time.perf_counter()

    def step(self) -> bool:
        """Count a step; at a lap's end tell the time and wait for the next. False when there is no next."""
        self._left -= 1
        if self._left:
            return True
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        print(f"lap {time.perf_counter() - self._began}", flush=True)
        if not sys.stdin.readline():
            return False
        self._left, self._began = self.steps, time.perf_counter()
        return True
