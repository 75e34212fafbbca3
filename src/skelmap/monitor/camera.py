"""Live cameras: newest frame, reconnection, and diagnosis of a connection that fails."""

import logging
import math
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple
from urllib.parse import urlsplit

import cv2
import numpy as np
from numpy.typing import NDArray

from skelmap.monitor.frame_skipper import FrameSkipper
from skelmap.monitor.sources import PoseFrame, Source, SourceError
from skelmap.pose_estimation.base import EstimatorEnded, PoseEstimator
from skelmap.skeletons.clip import clean_keypoints
from skelmap.skeletons.tracking import PeopleTracker

PROBE_SECONDS = 5.0
"""Timeout of a diagnostic request."""
REQUESTS = {"rtsp": (554, "DESCRIBE {url} RTSP/1.0\r\nCSeq: 1"), "http": (80, "GET {path} HTTP/1.0\r\nHost: {host}")}
"""Default port and diagnostic request, without an account, by scheme."""
MEANINGS = {
    "401": "it requires an account and a password in the address",
    "404": "it has no such path",
    "200": "the path exists, but has no readable video",
}
"""Meaning of a response by its status code."""
OPENCV_TIMEOUT_MS = 10_000
log = logging.getLogger(__name__)
Image = NDArray[np.uint8]


class CameraTiming(NamedTuple):
    """Timeouts of a camera, seconds.

    Attributes:
        lost: a camera without an image for longer is reported as lost.
        frozen: a camera with identical images for longer is reported as frozen; a working camera always has noise.
        report_interval: time between two errors while the camera is lost.
        retry: delays before each attempt to connect, or to restart the estimator; the last delay repeats.
    """

    lost: float = 3.0
    frozen: float = 5.0
    report_interval: float = 0.5
    retry: tuple[float, ...] = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)

    def retry_delay(self, failures: int) -> float:
        """Delay after a number of failures in a row."""
        return self.retry[min(failures, len(self.retry) - 1)]


DEFAULT_TIMING = CameraTiming()


class Capture:
    """Connection to a camera by OpenCV.

    Args:
        address: number, device file or URL.

    Raises:
        ConnectionError: naming the cause.
    """

    def __init__(self, address: str) -> None:
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # it would log each failed attempt
        self._capture = cv2.VideoCapture()
        if address.isdecimal():
            self._capture.open(int(address))
        elif "://" not in address:
            self._capture.open(address, cv2.CAP_V4L2)
        else:
            timeouts = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, OPENCV_TIMEOUT_MS]
            timeouts += [cv2.CAP_PROP_READ_TIMEOUT_MSEC, OPENCV_TIMEOUT_MS]
            self._capture.open(address, cv2.CAP_FFMPEG, timeouts)
        if not self._capture.isOpened():
            raise ConnectionError(probe_camera(address) if "://" in address else "cannot be opened")

    def read(self) -> Image | None:
        """Wait for the next image; None if the connection is lost."""
        success, image = self._capture.read()
        return image.astype(np.uint8, copy=False) if success else None

    def close(self) -> None:
        """Close the connection."""
        self._capture.release()


class Camera(Source):
    """Camera by its number, its device, or its RTSP or HTTP address.

    A thread reads images and keeps the newest one. If processing does not keep up, images are skipped evenly. Times
    come from the monotonic clock, so they are independent of changes of the system time.

    Args:
        address: number, device file or URL.
        name: for file names and messages, without credentials.
        estimator: detects people; the caller closes it.
        fps: expected frame rate.
        connect: opens the camera.
        timing: timeouts.
    """

    def __init__(
        self,
        address: str,
        name: str,
        estimator: PoseEstimator,
        fps: float,
        connect: Callable[[str], Capture] = Capture,
        timing: CameraTiming = DEFAULT_TIMING,
    ) -> None:
        super().__init__(name, estimator.layout, fps)
        self.stated = {"layout": estimator.layout.name, "size": "the size of its images"}
        self.address, self.estimator, self.connect, self.timing = address, estimator, connect, timing
        self._changed = threading.Condition()
        self._newest: tuple[float, Image] | None = None
        self._skipper = FrameSkipper()
        self._stopped = threading.Event()
        self._connection_error = ""
        self._estimator_error = ""
        self._estimator_failures = 0  # in a row
        self._estimator_retry_at = -math.inf  # monotonic

    def __iter__(self) -> Iterator[PoseFrame | SourceError]:
        """Yield frames as they arrive, and errors repeatedly while the camera is lost or frozen."""
        self._stopped.clear()
        # not a daemon thread: one that returns from OpenCV during interpreter shutdown aborts the process
        threading.Thread(target=self._read_images, name=f"camera {self.name}").start()
        try:
            yield from self._frames()
        finally:
            self._stopped.set()

    def _frames(self) -> Iterator[PoseFrame | SourceError]:
        start = changed_at = time.monotonic()
        tracker, number, tracker_frame = PeopleTracker(), 0, -1
        previous = None
        while True:
            newest = self._wait_for_image(self.timing.lost if number == 0 else self.timing.report_interval)
            now = time.monotonic()
            if newest is None:
                if now - changed_at > self.timing.lost:
                    cause = f" ({self._connection_error})" if self._connection_error else ""
                    yield SourceError(now - start, f"{self.name}: no image{cause}; reconnecting")
                continue
            taken_at, image = newest
            if previous is None or not np.array_equal(image, previous):
                previous, changed_at = image, taken_at
            elif taken_at - changed_at > self.timing.frozen:  # must not look like a person who stands still
                yield SourceError(now - start, f"{self.name}: frozen, all images are identical")
                continue
            arrived_at = time.perf_counter() - (now - taken_at)
            size = (image.shape[1], image.shape[0])
            detected = self._estimate(image)
            if detected is None:
                yield SourceError(now - start, f"{self.name}: {self._estimator_error}; restarting it")
                continue
            people = clean_keypoints(detected, size)
            # dropped images count for the tracker, as missing frames of a recording do
            tracker_frame = max(tracker_frame + 1, round((taken_at - start) * self.fps))
            person_ids = tracker.track(people, tracker_frame)
            yield PoseFrame(number, taken_at - start, size, people, person_ids, image, arrived_at)
            number += 1
            after = time.monotonic()  # the frame is scored
            self._skipper.update(after, after - now)
            self.warning = self._skipper.warning and f"{self.name}: {self._skipper.warning}"

    def _estimate(self, image: Image) -> NDArray[np.float32] | None:
        """Detect people; None while the estimator is down, which is restarted with increasing delays."""
        if time.monotonic() < self._estimator_retry_at:
            return None
        try:
            people = self.estimator.detect(image)
        except EstimatorEnded as error:
            self._estimator_error = str(error)
            self._estimator_retry_at = time.monotonic() + self.timing.retry_delay(self._estimator_failures)
            self._estimator_failures += 1
            return None
        self._estimator_failures = 0
        return people

    def _wait_for_image(self, seconds: float) -> tuple[float, Image] | None:
        """Take the newest image and its time; None if there is none within a number of seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self._newest is not None, seconds)
            newest, self._newest = self._newest, None
            return newest

    def _read_images(self) -> None:
        """Keep the newest image (in a thread); reconnect with increasing delays."""
        failures = 0
        while self._is_needed():
            try:
                if self._read_until_lost():
                    failures = 0
            except Exception as error:  # of OpenCV or any driver
                self._connection_error = str(error)
            delay = self.timing.retry_delay(failures)
            log.debug("%s: lost, next attempt in %g s", self.name, delay)
            self._stopped.wait(delay)
            failures += 1

    def _is_needed(self) -> bool:
        """Whether images are still read: neither has the iteration ended, nor the program."""
        return not self._stopped.is_set() and threading.main_thread().is_alive()

    def _read_until_lost(self) -> bool:
        """Connect and read until the camera is lost; return whether there was an image."""
        capture = self.connect(self.address)
        success = False
        try:
            while self._is_needed() and (image := capture.read()) is not None:
                success, self._connection_error = True, ""
                if not self._skipper.takes_next():
                    continue
                with self._changed:
                    self._newest = (time.monotonic(), image)
                    self._changed.notify()
        finally:
            capture.close()
        return success


def probe_camera(address: str) -> str:
    """Find out why a camera cannot be opened. The result repeats nothing of the address.

    Args:
        address: RTSP or HTTP URL; others are not probed.

    Returns:
        The cause.
    """
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "not an address; in passwords / is written %2F, ? %3F, # %23 and @ %40"
    if parts.scheme not in REQUESTS:
        return "cannot be opened"
    default_port, template = REQUESTS[parts.scheme]
    location = parts.netloc.rpartition("@")[2]
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    request = template.format(url=f"{parts.scheme}://{location}{path}", path=path, host=location)
    try:
        with socket.create_connection((host, port or default_port), PROBE_SECONDS) as connection:
            connection.sendall(f"{request}\r\n\r\n".encode())
            response = connection.recv(100)
    except UnicodeError:
        return "not an address"
    except OSError as error:
        return (error.strerror or str(error)).lower()
    status = response.split(b"\r\n")[0].decode("ascii", "replace").partition(" ")[2]
    if not status.isprintable() or not status:
        return "its response is not that of a camera"
    meaning = MEANINGS.get(status[:3], "")
    if status.startswith("401") and parts.username is not None:
        meaning = "the account or the password is wrong"
    return f"it responds {status}" + (f": {meaning}" if meaning else "")
