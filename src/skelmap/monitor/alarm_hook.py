"""Alarms leave the machine: a command of the user's own is run for each."""

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

from skelmap.monitor.event_log import describe
from skelmap.monitor.sinks import Sink
from skelmap.monitor.sources import Source
from skelmap.monitor.stream import Event
from skelmap.utils.redaction import redacted

LIMIT = 10.0
"""Seconds that a command may take, and those that the monitor waits for its messages when it ends."""
WAITING = 100
"""Alarms that wait for the command at most."""


class AlarmHook(Sink):
    """Runs a command for each alarm that is raised, with the event as JSON on its standard input.

    It runs in a thread of its own, one alarm after the other: whatever becomes of it, watching goes on.

    Args:
        command: the program and its arguments, for no shell.
        threshold: of the alarms, for the record.
    """

    def __init__(self, command: Sequence[str], threshold: float | None) -> None:
        self.command, self.threshold = list(command), threshold
        self._source: Source | None = None
        self._lost = 0
        self._waiting: queue.Queue[bytes | None] = queue.Queue(WAITING)
        self._thread = threading.Thread(target=self._work, name="messenger", daemon=True)
        self._thread.start()
        if shutil.which(self.command[0]) is None:
            self.trouble = f"command {self.command[0]}: there is no such program"

    def begin(self, source: Source) -> None:
        """Name the source from now on."""
        self._source = source

    def event(self, event: Event) -> None:
        """Pass an alarm on that was raised."""
        assert self._source is not None
        if event.ended:
            return
        entry = json.dumps(describe(self._source, event, self.threshold), ensure_ascii=False) + "\n"
        try:
            self._waiting.put_nowait(entry.encode())
        except queue.Full:
            self._lose(f"{WAITING} alarms wait for it already")

    def close(self) -> None:
        """Wait for what is still to be passed on, but not for ever."""
        try:
            self._waiting.put(None, timeout=LIMIT)
            self._thread.join(LIMIT)
        except queue.Full:
            pass
        if self._thread.is_alive():
            self._lose("it still runs, or alarms still wait for it, when the monitor ends")

    def _work(self) -> None:
        while (entry := self._waiting.get()) is not None:
            why = run(self.command, entry)
            if why:
                self._lose(why)
            else:
                self.trouble = ""

    def _lose(self, why: str) -> None:
        self._lost += 1
        self.trouble = f"command {self.command[0]}: {why}; alarms not passed on: {self._lost}"


def run(command: Sequence[str], message: bytes) -> str:
    """Run a command with a message on its standard input.

    Args:
        command: the program and its arguments.
        message: for its standard input.

    Returns:
        Why it failed; empty where it did not.
    """
    with tempfile.TemporaryFile() as said:  # no pipe, which what the command leaves running would hold open
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=said, start_new_session=True
            )
        except OSError as error:
            return (error.strerror or str(error)).lower()
        try:
            process.communicate(message, timeout=LIMIT)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return f"ended after {LIMIT:g} s, which is the limit"
        return f"exit code {process.returncode}{_last_line(said)}" if process.returncode else ""


def _last_line(said: IO[bytes]) -> str:
    said.seek(0)
    lines = said.read(10_000).decode(errors="replace").split("\n")
    return next((f" ({redacted(line.strip())})" for line in reversed(lines) if line.strip()), "")
