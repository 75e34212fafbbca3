"""Rivals in turns."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

SCRIPTS = Path(__file__).parents[1]


class Worker:
    """A process that runs laps (`pace`).

    Args:
        module: of benchmarks, by name.
        arguments: of its command line.
    """

    def __init__(self, module: str, arguments: Sequence[str]) -> None:
        self.module = module
        self._errors = tempfile.TemporaryFile("w+")
        paths = [str(SCRIPTS), *filter(None, [os.environ.get("PYTHONPATH")])]
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"benchmarks.{module}", *arguments],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "TF_CPP_MIN_LOG_LEVEL": "3"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )

    def result(self) -> float:
        """Wait for the end of a lap, s.

        Raises:
            RuntimeError: the worker stopped; with what it said.
        """
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("lap "):
                return float(line.split()[1])
        self._process.wait()
        self._errors.seek(0)
        said = self._errors.read().strip().splitlines()
        raise RuntimeError(f"benchmarks.{self.module}: {said[-1] if said else 'stopped without a word'}")

    def lap(self) -> float:
        """Run a lap, s."""
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        return self.result()

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        self._errors.close()


def race(rivals: Mapping[str, tuple[str, Sequence[str]]], laps: int) -> tuple[dict[str, float], dict[str, str]]:
    """Let rivals run in turns.

    Args:
        rivals: by name: module of benchmarks and its arguments.
        laps: of each that count.

    Returns:
        The median time of a lap of each, s, and for those that could not run the reason.
    """
    workers: dict[str, Worker] = {}
    failed: dict[str, str] = {}
    times: dict[str, list[float]] = {}
    try:
        for name, (module, arguments) in rivals.items():
            workers[name] = Worker(module, arguments)
            try:
                workers[name].result()  # warmed up
            except RuntimeError as error:
                failed[name] = str(error)
        for _ in range(laps):
            for name, worker in workers.items():
                if name not in failed:
                    times.setdefault(name, []).append(worker.lap())
    finally:
        for worker in workers.values():
            worker.close()
    return {name: median(each) for name, each in times.items()}, failed
