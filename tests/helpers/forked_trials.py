"""Run trials in processes of their own, with bounds on time and memory, and say what became of each."""

import json
import os
import resource
import signal
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from time import monotonic
from typing import NamedTuple

from skelmap.utils.errors import UserError

SECONDS = 60
"""A trial that takes longer hangs; other processes may want the machine, too."""
MEMORY = 3 * 2**30
"""Bytes that a process may take beyond what it had at its start."""


class Outcome(NamedTuple):
    """What became of a trial.

    Attributes:
        kind: "read", "refused" or "fault".
        text: the message of a refusal, the traceback of a fault.
        grown_mb: memory of the process above what it had at its start, at its highest so far.
        seconds: that the trial took.
    """

    kind: str
    text: str
    grown_mb: int
    seconds: float


def attempt(trials: Sequence[Callable[[], None]]) -> Iterator[Outcome]:
    """Run trials one after the other in a fork, and where it dies, those that are left in the next."""
    left = list(trials)
    while left:
        read, write = os.pipe()
        child = os.fork()
        if not child:
            os.close(read)
            _run(left, write)
        os.close(write)
        with os.fdopen(read) as pipe:
            outcomes = [Outcome(*json.loads(line)) for line in pipe]
        _, status = os.waitpid(child, 0)
        if len(outcomes) < len(left):
            number = os.WTERMSIG(status)
            how = f"took more than {SECONDS} s" if number == signal.SIGALRM else f"died of signal {number}"
            outcomes.append(Outcome("fault", how, 0, SECONDS))
        yield from outcomes
        left = left[len(outcomes) :]


def _run(trials: Sequence[Callable[[], None]], write: int) -> None:
    """The child: bounded, silent, ended without clean-up of what belongs to the parent."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    size, began_with = (int(n) * resource.getpagesize() for n in Path("/proc/self/statm").read_text().split()[:2])
    resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, size + MEMORY))
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    for trial in trials:
        signal.alarm(SECONDS)
        began = monotonic()
        try:
            trial()
            kind, text = "read", ""
        except UserError as error:
            kind, text = "refused", str(error)
        except BaseException:
            kind, text = "fault", traceback.format_exc()
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024 - began_with // 2**20
        line = json.dumps(Outcome(kind, text[-20_000:], grown, monotonic() - began))
        os.write(write, f"{line}\n".encode())  # at once: the next trial may be the last
    os._exit(0)
