"""`skelmap site`: a process for each camera and one for the web page; restarts what ends, fails or hangs."""

import ctypes
import logging
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import IO

from skelmap.monitor.schedule import Span, is_scheduled
from skelmap.monitor.sinks import HEARTBEAT_FILE
from skelmap.monitor.site_config import Site

RESTART_SECONDS = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0)
"""Delays before a restart; the last one repeats. A process that ran for a minute begins anew."""
STEADY_SECONDS = 60.0
HANG_SECONDS = 60.0
"""A monitor is killed if it has not written heartbeat.json for so long; at its start it has twice the time."""
STOP_SECONDS = 20.0
"""Time to complete files after SIGTERM; then the process is killed."""
POLL_SECONDS = 0.5
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
log = logging.getLogger(__name__)


class Child:
    """A process that is restarted when it ends.

    Args:
        name: for messages.
        arguments: of `skelmap`.
        environment: further variables.
        output: folder of its heartbeat; None for a process without.
        schedule: when it runs; empty for always.
    """

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        environment: dict[str, str] | None = None,
        output: Path | None = None,
        schedule: Sequence[Span] = (),
    ) -> None:
        self.name, self.command = name, [sys.executable, "-u", "-m", "skelmap", *arguments]
        self.environment, self.output, self.schedule = environment or {}, output, schedule
        self.process: subprocess.Popen[bytes] | None = None
        self.is_finished = False
        self._started = self._start_at = 0.0  # monotonic
        self._failures = 0

    def update(self, selector: selectors.BaseSelector) -> None:
        """Start, restart, stop or kill the process, as its state, its heartbeat and the schedule require."""
        now, is_wanted = time.monotonic(), is_scheduled(self.schedule, datetime.now())
        if self.process is None:
            if is_wanted and now >= self._start_at:
                self._start(selector)
        elif (code := self.process.poll()) is not None:
            self._note_end(code, is_wanted)
        elif not is_wanted:
            log.info("%s: stops, as its schedule says", self.name)
            self.stop(selector)
        elif self._hangs(now):
            log.warning("%s: no heartbeat for %g s; killed", self.name, HANG_SECONDS)
            self.process.kill()

    def _start(self, selector: selectors.BaseSelector) -> None:
        self.process = subprocess.Popen(
            self.command,
            env={**os.environ, **self.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C in a terminal reaches it once, by the supervisor
            preexec_fn=_end_with_parent,
        )
        self._started = time.monotonic()
        assert self.process.stdout is not None
        os.set_blocking(self.process.stdout.fileno(), False)
        selector.register(self.process.stdout, selectors.EVENT_READ, self)
        log.info("%s: started, process %d", self.name, self.process.pid)

    def _note_end(self, code: int, is_wanted: bool) -> None:
        """Plan the restart of a process that has ended; a recording that was watched to its end is finished."""
        self.process, ran = None, time.monotonic() - self._started
        if not is_wanted:
            return
        if code == 0:
            self.is_finished = True
            log.info("%s: finished", self.name)
            return
        self._failures = 0 if ran > STEADY_SECONDS else self._failures
        delay = RESTART_SECONDS[min(self._failures, len(RESTART_SECONDS) - 1)]
        self._failures += 1
        self._start_at = time.monotonic() + delay
        how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
        log.warning("%s: %s after %.0f s; starts again in %g s", self.name, how, ran, delay)

    def _hangs(self, now: float) -> bool:
        if self.output is None or now - self._started < 2 * HANG_SECONDS:
            return False
        try:
            return time.time() - (self.output / HEARTBEAT_FILE).stat().st_mtime > HANG_SECONDS
        except OSError:
            return True

    def print_lines(self, selector: selectors.BaseSelector, output: IO[bytes]) -> None:
        """Print what a process has written, each line behind the name; forget its output at the end."""
        content = output.read(65_536)
        if content == b"":
            selector.unregister(output)
            output.close()
        for line in (content or b"").decode(errors="replace").splitlines():
            if line.strip():
                log.info("%s: %s", self.name, line)

    def stop(self, selector: selectors.BaseSelector) -> None:
        """End the process: it may complete its files; then print its last lines."""
        if self.process is None:
            return
        process, self.process = self.process, None
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            log.warning("%s: does not end; killed", self.name)
            process.kill()
            process.wait()
        while process.stdout is not None and not process.stdout.closed:
            self.print_lines(selector, process.stdout)


def run_site(site: Site) -> None:
    """Run all cameras of a site until they are finished, or the program is interrupted; then all processes end."""
    children = [
        Child(camera.name, ["monitor", *camera.arguments], camera.environment, camera.output, camera.schedule)
        for camera in site.cameras
    ]
    site.output.mkdir(parents=True, exist_ok=True)
    page = [Child("page", ["page", *site.page])] if site.page else []
    with selectors.DefaultSelector() as selector:
        try:
            while not all(child.is_finished for child in children):
                for child in [*children, *page]:
                    if not child.is_finished:
                        child.update(selector)
                for key, _ in selector.select(POLL_SECONDS) if selector.get_map() else _pause():
                    key.data.print_lines(selector, key.fileobj)
        finally:
            running = [child for child in [*children, *page] if child.process is not None]
            for child in running:  # all at once
                assert child.process is not None
                child.process.terminate()
            for child in running:
                child.stop(selector)


def _pause() -> tuple[()]:
    time.sleep(POLL_SECONDS)
    return ()


def _end_with_parent() -> None:
    """Get SIGTERM when the supervisor is killed, on Linux; a new supervisor could not lock the output folders else."""
    if LIBC is not None:
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
