"""Interleaved timing: each implementation runs in a process of its own, one repetition after the other in turns.

So whatever else the machine does slows all of them alike, and none runs with another's memory allocator settings. The
parent writes a line for each repetition; the worker process answers with the seconds.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import IO

import torch

SCRIPTS = Path(__file__).parents[1]


class RepetitionTimer:
    """Time repetitions of a number of steps, in a worker process.

    Args:
        steps: number of steps in a repetition.
    """

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self._left = steps  # the first repetition is the warm-up
        self._began = time.perf_counter()

    def step(self) -> bool:
        """Count a step; report the time at a repetition's end and wait for the next. False when there is none."""
        self._left -= 1
        if self._left:
            return True
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        print(f"seconds {time.perf_counter() - self._began}", flush=True)
        if not sys.stdin.readline():
            return False
        self._left, self._began = self.steps, time.perf_counter()
        return True


class Worker:
    """Worker process of one implementation.

    Args:
        module: name of a module of `benchmarks`.
        arguments: its command line.
        errors: file for its standard error.
    """

    def __init__(self, module: str, arguments: Sequence[str], errors: IO[str]) -> None:
        self.module, self._errors = module, errors
        paths = [str(SCRIPTS), *filter(None, [os.environ.get("PYTHONPATH")])]
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"benchmarks.{module}", *arguments],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "TF_CPP_MIN_LOG_LEVEL": "3"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )

    def result(self) -> float:
        """Wait for the end of a repetition; give its time, s.

        Raises:
            RuntimeError: the process ended; with the last line of its standard error.
        """
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("seconds "):
                return float(line.split()[1])
        self._process.wait()
        self._errors.seek(0)
        lines = self._errors.read().strip().splitlines()
        raise RuntimeError(f"benchmarks.{self.module}: {lines[-1] if lines else 'ended without an error message'}")

    def repeat(self) -> float:
        """Run a repetition; give its time, s."""
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        return self.result()

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()


def run_interleaved(
    commands: Mapping[str, tuple[str, Sequence[str]]], repetitions: int
) -> tuple[dict[str, float], dict[str, str]]:
    """Time implementations in turns.

    Args:
        commands: by name: module of `benchmarks` and its arguments.
        repetitions: number of timed repetitions of each.

    Returns:
        Median time of a repetition of each, s; for those that could not run, the error.
    """
    workers: dict[str, Worker] = {}
    failed: dict[str, str] = {}
    times: dict[str, list[float]] = {}
    with ExitStack() as stack:
        for name, (module, arguments) in commands.items():
            workers[name] = Worker(module, arguments, stack.enter_context(tempfile.TemporaryFile("w+")))
            stack.callback(workers[name].close)
            try:
                workers[name].result()  # warm-up
            except RuntimeError as error:
                failed[name] = str(error)
        for _ in range(repetitions):
            for name, worker in workers.items():
                if name not in failed:
                    times.setdefault(name, []).append(worker.repeat())
    return {name: median(each) for name, each in times.items()}, failed
