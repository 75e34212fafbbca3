"""A camera: its newest frame, reconnection, diagnosis."""

import logging
import math
import socket
import threading
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import cv2
import numpy as np
from numpy.typing import NDArray

from skelmap.monitor.sources import PoseFrame, Source, SourceError
from skelmap.pose_estimation.base import EstimatorEnded, PoseEstimator
from skelmap.skeletons.tracking import PeopleTracker

PATIENCE = 5.0
"""Seconds to wait for an answer."""
REQUESTS = {"rtsp": (554, "DESCRIBE {whole} RTSP/1.0\r\nCSeq: 1"), "http": (80, "GET {path} HTTP/1.0\r\nHost: {host}")}
"""By scheme: the usual port, and what is asked without an account."""
MEANINGS = {
    "401": "it wants an account and a password in the address",
    "404": "it has no such path",
    "200": "it has something there, but no pictures that can be read",
}


def probe_camera(address: str) -> str:
    """Say why a camera cannot be opened, as far as can be told; nothing of the address is repeated.

    Args:
        address: RTSP or HTTP; of other addresses only that they cannot be opened is said.
    """
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "not an address; in passwords / is written %2F, ? %3F, # %23 and @ %40"
    if parts.scheme not in REQUESTS:
        return "cannot be opened"
    usual, request = REQUESTS[parts.scheme]
    place = parts.netloc.rpartition("@")[2]
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    asked = request.format(whole=f"{parts.scheme}://{place}{path}", path=path, host=place)
    try:
        with socket.create_connection((host, port or usual), PATIENCE) as camera:
            camera.sendall(f"{asked}\r\n\r\n".encode())
            answer = camera.recv(100)
    except UnicodeError:
        return "not an address"
    except OSError as error:
        return (error.strerror or str(error)).lower()
    status = answer.split(b"\r\n")[0].decode("ascii", "replace").partition(" ")[2]
    if not status.isprintable() or not status:
        return "it does not answer as a camera does"
    given = "the account or the password is wrong" if parts.username is not None else MEANINGS["401"]
    meaning = given if status[:3] == "401" else MEANINGS.get(status[:3], "")
    return f"it answers {status}" + (f": {meaning}" if meaning else "")


LOST = 3.0
"""Seconds without a picture after which a camera counts as lost."""
FROZEN = 5.0
"""Seconds of one and the same picture after which a camera counts as frozen: a living one is never without noise."""
BACK_OFF = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Seconds to wait before each attempt to connect, or to start the estimator, again; the last repeats."""
AGAIN = 0.5
"""Seconds between two words about a camera that is lost."""
TIMEOUT_MS = 10_000
log = logging.getLogger(__name__)
Picture = NDArray[np.uint8]


class Capture:
    """What is asked of `cv2.VideoCapture`, which a test replaces.

    Args:
        address: number or URL.

    Raises:
        ConnectionError: saying why there is no picture.
    """

    def __init__(self, address: str) -> None:
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # it would speak at every attempt
        self._capture = cv2.VideoCapture()
        if address.isdecimal():
            self._capture.open(int(address))
        else:
            timeouts = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, TIMEOUT_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, TIMEOUT_MS]
            self._capture.open(address, cv2.CAP_FFMPEG, timeouts)
        if not self._capture.isOpened():
            raise ConnectionError("cannot be opened" if address.isdecimal() else probe_camera(address))

    def read(self) -> Picture | None:
        """Wait for the next picture; None where the camera is lost."""
        there, picture = self._capture.read()
        return picture.astype(np.uint8, copy=False) if there else None

    def close(self) -> None:
        """Let go of the camera."""
        self._capture.release()


class Camera(Source):
    """A camera by its number, or by its RTSP or HTTP address.

    Pictures are taken in a thread of their own, so that the newest is always at hand: what comes while a picture is
    looked at is dropped, not delayed. Times are of the monotonic clock: a clock that is set changes nothing.

    Args:
        address: number or URL.
        name: for files and readers, without what is secret in the address.
        estimator: finds the people; closed by who opened it.
        fps: frames a second that are expected.
        connect: opens the camera.
    """

    def __init__(
        self,
        address: str,
        name: str,
        estimator: PoseEstimator,
        fps: float,
        connect: Callable[[str], Capture] = Capture,
    ) -> None:
        super().__init__(name, estimator.layout, fps)
        self.address, self.estimator, self.connect = address, estimator, connect
        self._news = threading.Condition()
        self._newest: tuple[float, Picture] | None = None
        self._stopped = threading.Event()
        self._cause = ""  # of the last failure, where there is a reason
        self._ended = ""  # why the estimator has ended last
        self._failures = 0  # of the estimator in a row
        self._start_at = -math.inf  # when it may be asked again, monotonic

    def __iter__(self) -> Iterator[PoseFrame | SourceError]:
        """Give pictures as they come; while there are none, or the same ones, say so again and again."""
        self._stopped.clear()
        # No daemon: one that comes back from OpenCV while Python shuts down aborts the process.
        threading.Thread(target=self._grab, name=f"camera {self.name}").start()
        began = time.monotonic()
        try:
            yield from self._look(began)
        finally:
            self._stopped.set()

    def _look(self, began: float) -> Iterator[PoseFrame | SourceError]:
        tracker, number, frame = PeopleTracker(), 0, -1
        before, moved = None, began
        while True:
            newest = self._wait(LOST if number == 0 else AGAIN)
            now = time.monotonic()
            if newest is None:
                if now - moved > LOST:
                    why = f" ({self._cause})" if self._cause else ""
                    yield SourceError(now - began, f"{self.name}: no picture{why}; connecting again and again")
                continue
            taken, picture = newest
            if before is None or not np.array_equal(picture, before):
                before, moved = picture, taken
            elif taken - moved > FROZEN:  # a frozen picture must not look like a person who stands still
                yield SourceError(now - began, f"{self.name}: frozen, the same picture again and again")
                continue
            came = time.perf_counter() - (now - taken)
            people = self._people(picture)
            if people is None:
                yield SourceError(now - began, f"{self.name}: {self._ended}; starting it again and again")
                continue
            size = (picture.shape[1], picture.shape[0])
            frame = max(frame + 1, round((taken - began) * self.fps))  # what was dropped counts, as in a recording
            yield PoseFrame(number, taken - began, size, people, tracker.track(people, frame), picture, came)
            number += 1

    def _people(self, picture: Picture) -> NDArray[np.float32] | None:
        """Find the people; None while the estimator is away, which is started again ever more patiently."""
        if time.monotonic() < self._start_at:
            return None
        try:
            people = self.estimator.detect(picture)
        except EstimatorEnded as error:
            self._ended = str(error)
            self._start_at = time.monotonic() + BACK_OFF[min(self._failures, len(BACK_OFF) - 1)]
            self._failures += 1
            return None
        self._failures = 0
        return people

    def _wait(self, seconds: float) -> tuple[float, Picture] | None:
        """Take the newest picture, waiting for one up to so many seconds."""
        with self._news:
            self._news.wait_for(lambda: self._newest is not None, seconds)
            newest, self._newest = self._newest, None
            return newest

    def _grab(self) -> None:
        """Keep the newest picture; connect again, ever more patiently, where there is none."""
        attempt = 0
        while self._wanted():
            try:
                if self._read():
                    attempt = 0
            except Exception as error:  # OpenCV's, or of whatever driver is below it
                self._cause = str(error)
            wait = BACK_OFF[min(attempt, len(BACK_OFF) - 1)]
            log.debug("%s: lost, next attempt in %g s", self.name, wait)
            self._stopped.wait(wait)
            attempt += 1

    def _wanted(self) -> bool:
        """Whether somebody may still look; whose iteration was never closed does not when the program ends."""
        return not self._stopped.is_set() and threading.main_thread().is_alive()

    def _read(self) -> bool:
        """Read until the camera is lost; say whether there was a picture."""
        capture = self.connect(self.address)
        there = False
        try:
            while self._wanted() and (picture := capture.read()) is not None:
                there, self._cause = True, ""
                with self._news:
                    self._newest = (time.monotonic(), picture)
                    self._news.notify()
        finally:
            capture.close()
        return there
