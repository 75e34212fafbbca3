"""MediaPipe's pose model (BlazePose, Bazarevsky et al. 2020), run in a subprocess with its own Python environment."""

import os
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Timer

import cv2
import numpy as np
from numpy.typing import NDArray

from skelmap.pose_estimation import mediapipe_worker
from skelmap.pose_estimation.base import EstimatorEnded
from skelmap.pose_estimation.mediapipe_worker import LANDMARKS, READY
from skelmap.skeletons.layouts import BODY_25
from skelmap.utils.errors import UserError

PYTHON_VARIABLE = "SKELMAP_POSE_PYTHON"
"""Environment variable with the path of a Python that has MediaPipe; default: .pose/ beside this environment."""
TIMEOUT = 60.0
"""Seconds after which the process counts as hung; an image takes about 0.02 s, the start a few seconds."""
REQUIREMENTS = Path(__file__).with_name("pose-requirements.txt")
LANDMARKS_OF_JOINT = {
    "nose": (0, 0), "right_eye": (5, 5), "left_eye": (2, 2), "right_ear": (8, 8), "left_ear": (7, 7),
    "neck": (12, 11), "right_shoulder": (12, 12), "right_elbow": (14, 14), "right_wrist": (16, 16),
    "left_shoulder": (11, 11), "left_elbow": (13, 13), "left_wrist": (15, 15),
    "mid_hip": (24, 23), "right_hip": (24, 24), "right_knee": (26, 26), "right_ankle": (28, 28),
    "left_hip": (23, 23), "left_knee": (25, 25), "left_ankle": (27, 27),
    "right_big_toe": (32, 32), "right_heel": (30, 30), "left_big_toe": (31, 31), "left_heel": (29, 29),
}  # fmt: skip
"""Two landmarks for each joint of BODY_25, which is their midpoint. MediaPipe has no small toes."""


class MediaPipe:
    """At most one person per image, in BODY_25: MediaPipe tracks the most prominent person only.

    Confidence is MediaPipe's visibility: low for joints that it infers because they are occluded or outside the image.

    Args:
        weights: must be None; MediaPipe has its own.

    Raises:
        UserError: weights are given, or there is no working environment with MediaPipe.
    """

    layout = BODY_25

    def __init__(self, weights: Path | None = None) -> None:
        if weights is not None:
            raise UserError(f"weights {weights}: estimator mediapipe has its own; leave them out")
        self._python = pose_python()
        self._ended = False
        self._start()

    def detect(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Detect the person in an image: (0 or 1, 25, 3); see `PoseEstimator`.

        Raises:
            EstimatorEnded: MediaPipe's process has ended or hung, or cannot be restarted.
        """
        if self._ended:
            self._restart()
        landmarks = np.frombuffer(self._query(image), "<f4").reshape(LANDMARKS, 3)
        return body_25(landmarks)[None] if landmarks[:, 2].any() else np.zeros((0, len(BODY_25.joints), 3), np.float32)

    def close(self) -> None:
        """End MediaPipe's process."""
        self._process.kill()
        self._process.communicate()
        self._log.close()

    def _start(self) -> None:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  closed by `close`
        try:
            self._process = subprocess.Popen(
                [self._python, "-I", mediapipe_worker.__file__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log,
                start_new_session=True,  # Ctrl-C reaches only this process, which then closes the pipe
            )
        except OSError as error:
            raise UserError(f"{self._python} cannot run MediaPipe: {error.strerror}; {_advice()}") from error
        with self._kill_if_hung():
            ready = self._read(len(READY))
        if ready != READY:
            raise UserError(f"{self._python} cannot run MediaPipe: {self._end_reason()}; {_advice()}")

    def _restart(self) -> None:
        self.close()
        try:
            self._start()
        except UserError as error:
            raise EstimatorEnded(str(error)) from error
        self._ended = False

    def _query(self, image: NDArray[np.uint8]) -> bytes:
        assert self._process.stdin is not None
        with self._kill_if_hung():
            with suppress(BrokenPipeError):  # reading then gives nothing
                self._process.stdin.write(struct.pack("<II", *image.shape[:2]))
                self._process.stdin.write(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
                self._process.stdin.flush()
            answer = self._read(LANDMARKS * 3 * 4)
        if len(answer) < LANDMARKS * 3 * 4:
            self._ended = True
            raise EstimatorEnded(f"MediaPipe's process has ended: {self._end_reason()}")
        return answer

    def _read(self, size: int) -> bytes:
        assert self._process.stdout is not None
        return self._process.stdout.read(size)

    @contextmanager
    def _kill_if_hung(self) -> Iterator[None]:
        """Kill the process if the block takes longer than TIMEOUT; reading from it then ends."""
        self._hung = False

        def kill(process: subprocess.Popen[bytes] = self._process) -> None:
            self._hung = True
            process.kill()

        timer = Timer(TIMEOUT, kill)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _end_reason(self) -> str:
        self._process.kill()
        self._process.wait()
        if self._hung:
            return f"it gave no answer for {TIMEOUT:g} s"
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "it printed nothing")


def body_25(landmarks: NDArray[np.float32]) -> NDArray[np.float32]:
    """Convert MediaPipe's landmarks, (33, 3) x px, y px, visibility, to BODY_25, (25, 3) x px, y px, confidence."""
    joints = np.zeros((len(BODY_25.joints), 3), np.float32)
    for joint, (a, b) in LANDMARKS_OF_JOINT.items():
        middle = (landmarks[a] + landmarks[b]) / 2
        middle[2] = min(landmarks[a, 2], landmarks[b, 2])
        joints[BODY_25.joints.index(joint)] = middle
    return joints


def pose_python() -> str:
    """Find the Python interpreter that has MediaPipe.

    Raises:
        UserError: it does not exist; the message gives the commands that create its environment.
    """
    python = os.environ.get(PYTHON_VARIABLE) or str(Path(sys.prefix).parent / ".pose" / "bin" / "python")
    if not Path(python).is_file():
        raise UserError(f"estimator mediapipe: {python} does not exist; {_advice()}")
    return python


def _advice() -> str:
    folder = Path(sys.prefix).parent / ".pose"
    return (
        f"create its environment with Python 3.11 or 3.12: python3.11 -m venv {folder} && "
        f"{folder}/bin/pip install --no-deps -r {REQUIREMENTS}, or set {PYTHON_VARIABLE} to the path of a Python that "
        "has it"
    )
