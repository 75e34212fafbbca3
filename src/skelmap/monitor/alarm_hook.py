"""Alarm hook: runs a command of the user for each alarm."""

import json
import os
import queue
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from typing import IO

from skelmap.monitor.event_log import event_record
from skelmap.monitor.sinks import Sink
from skelmap.monitor.sources import Source
from skelmap.monitor.stream import Event
from skelmap.utils.redaction import redact

COMMAND_SECONDS = 10.0
"""Time limit of a command, and of the wait for pending commands when the monitor ends."""
MAX_PENDING = 100
"""Largest number of alarms that wait for the command."""


class AlarmHook(Sink):
    """Runs a command for each raised alarm, with the event as a line of JSON on standard input.

    Commands run one at a time in a thread, so a slow or failing command does not delay the monitor.

    Args:
        command: program and arguments, run without a shell.
        threshold: of the alarms, for the record.
        timeout: of a command, and of the wait for pending commands at the end, seconds.
        max_pending: largest number of alarms that wait for the command; further alarms are dropped.
    """

    def __init__(
        self,
        command: Sequence[str],
        threshold: float,
        timeout: float = COMMAND_SECONDS,
        max_pending: int = MAX_PENDING,
    ) -> None:
        self.command, self.threshold, self.timeout, self.max_pending = list(command), threshold, timeout, max_pending
        self._source: Source | None = None
        self._failures = 0
        self._pending: queue.Queue[bytes | None] = queue.Queue(max_pending)
        self._thread = threading.Thread(target=self._run_pending, name="alarm hook", daemon=True)
        self._thread.start()
        if shutil.which(self.command[0]) is None:
            self.error = f"on_alarm={self.command[0]}: no such program"

    def on_source_start(self, source: Source) -> None:
        """Keep the source for its name."""
        self._source = source

    def on_event(self, event: Event) -> None:
        """Queue a raised alarm."""
        assert self._source is not None
        if event.ended:
            return
        line = json.dumps(event_record(self._source, event, self.threshold), ensure_ascii=False) + "\n"
        try:
            self._pending.put_nowait(line.encode())
        except queue.Full:
            self._count_failure(f"{self.max_pending} alarms are already waiting")

    def close(self) -> None:
        """Wait for pending commands, up to the timeout."""
        try:
            self._pending.put(None, timeout=self.timeout)
            self._thread.join(self.timeout)
        except queue.Full:
            pass
        if self._thread.is_alive():
            self._count_failure("still running, or alarms still waiting, at the end of the monitor")

    def _run_pending(self) -> None:
        while (line := self._pending.get()) is not None:
            cause = run_command(self.command, line, self.timeout)
            if cause:
                self._count_failure(cause)
            else:
                self.error = ""

    def _count_failure(self, cause: str) -> None:
        self._failures += 1
        self.error = f"on_alarm={self.command[0]}: {cause}; failed calls: {self._failures}"


def run_command(command: Sequence[str], stdin: bytes, timeout: float = COMMAND_SECONDS) -> str:
    """Run a command.

    Args:
        command: program and arguments.
        stdin: content of its standard input.
        timeout: seconds after which it is killed with its child processes.

    Returns:
        The cause of a failure; empty on success.
    """
    with tempfile.TemporaryFile() as stderr:  # not a pipe: background children would keep it open
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=stderr, start_new_session=True
            )
        except OSError as error:
            return (error.strerror or str(error)).lower()
        try:
            process.communicate(stdin, timeout=timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return f"killed after the time limit of {timeout:g} s"
        return f"exit code {process.returncode}{_last_line(stderr)}" if process.returncode else ""


def _last_line(stderr: IO[bytes]) -> str:
    stderr.seek(0)
    lines = stderr.read(10_000).decode(errors="replace").split("\n")
    return next((f" ({redact(line.strip())})" for line in reversed(lines) if line.strip()), "")
