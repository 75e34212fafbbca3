"""Run trials in forked processes with limits on time and memory, and report the outcome of each."""

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
"""Time limit of a trial; the machine may be busy."""
MEMORY = 3 * 2**30
"""Memory limit: bytes beyond what the process had at its start."""


class Outcome(NamedTuple):
    """Outcome of a trial.

    Attributes:
        kind: "read", "refused" or "fault".
        text: the message of a refusal, the traceback of a fault.
        grown_mb: peak memory of the process so far, beyond what it had at its start.
        seconds: duration of the trial.
    """

    kind: str
    text: str
    grown_mb: int
    seconds: float


def run_trials(trials: Sequence[Callable[[], object]]) -> Iterator[Outcome]:
    """Run trials one after the other in a fork; if it dies, run the rest in another one."""
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


def _run(trials: Sequence[Callable[[], object]], write: int) -> None:
    """Run trials in the child: limited, silent, without the clean-up that the parent does."""
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
