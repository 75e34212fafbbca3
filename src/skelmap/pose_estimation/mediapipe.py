"""MediaPipe's pose model (BlazePose, Bazarevsky et al. 2020), run by a process of another environment."""

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

SETTING = "SKELMAP_POSE_PYTHON"
"""Environment variable: the Python that has MediaPipe; without it, the one in .pose/ beside this environment."""
PATIENCE = 60.0
"""A process that gives no answer for so long hangs, s: a picture takes a fiftieth of a second, a start some seconds."""
REQUIREMENTS = Path(__file__).with_name("pose-requirements.txt")
TAKEN_FROM = {
    "nose": (0, 0), "right_eye": (5, 5), "left_eye": (2, 2), "right_ear": (8, 8), "left_ear": (7, 7),
    "neck": (12, 11), "right_shoulder": (12, 12), "right_elbow": (14, 14), "right_wrist": (16, 16),
    "left_shoulder": (11, 11), "left_elbow": (13, 13), "left_wrist": (15, 15),
    "mid_hip": (24, 23), "right_hip": (24, 24), "right_knee": (26, 26), "right_ankle": (28, 28),
    "left_hip": (23, 23), "left_knee": (25, 25), "left_ankle": (27, 27),
    "right_big_toe": (32, 32), "right_heel": (30, 30), "left_big_toe": (31, 31), "left_heel": (29, 29),
}  # fmt: skip
"""Each joint of BODY_25 is the middle of two landmarks, mostly of one twice. MediaPipe has no small toes."""


class MediaPipe:
    """One person a picture, in BODY_25: MediaPipe's pose model follows the most prominent person only.

    Confidence is MediaPipe's visibility: low for joints that it infers, behind things or outside the picture.

    Args:
        weights: none; MediaPipe has its own.

    Raises:
        UserError: weights are given; there is no environment with MediaPipe, or it does not work.
    """

    layout = BODY_25

    def __init__(self, weights: Path | None = None) -> None:
        if weights is not None:
            raise UserError(f"weights {weights}: estimator mediapipe has its own; leave them out")
        self._python = pose_python()
        self._ended = False
        self._start()

    def people(self, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Find the person in a picture: (0 or 1, 25, 3); see `PoseEstimator`.

        Raises:
            EstimatorEnded: MediaPipe's process has ended or hangs, or cannot be started again.
        """
        if self._ended:
            self._start_again()
        landmarks = np.frombuffer(self._ask(picture), "<f4").reshape(LANDMARKS, 3)
        return body_25(landmarks)[None] if landmarks[:, 2].any() else np.zeros((0, len(BODY_25.joints), 3), np.float32)

    def close(self) -> None:
        """End MediaPipe's process."""
        self._process.kill()
        self._process.communicate()
        self._log.close()

    def _start(self) -> None:
        self._log = tempfile.TemporaryFile()
        try:
            self._process = subprocess.Popen(
                [self._python, "-I", mediapipe_worker.__file__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log,
                start_new_session=True,  # Ctrl-C is for this process, which then closes the pipe
            )
        except OSError as error:
            raise UserError(f"{self._python} cannot run MediaPipe: {error.strerror}; {_advice()}") from error
        with self._patience():
            ready = self._answer(len(READY))
        if ready != READY:
            raise UserError(f"{self._python} cannot run MediaPipe: {self._last_words()}; {_advice()}")

    def _start_again(self) -> None:
        self.close()
        try:
            self._start()
        except UserError as error:
            raise EstimatorEnded(str(error)) from error
        self._ended = False

    def _ask(self, picture: NDArray[np.uint8]) -> bytes:
        assert self._process.stdin is not None
        with self._patience():
            with suppress(BrokenPipeError):  # then there is no answer
                self._process.stdin.write(struct.pack("<II", *picture.shape[:2]))
                self._process.stdin.write(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB))
                self._process.stdin.flush()
            answer = self._answer(LANDMARKS * 3 * 4)
        if len(answer) < LANDMARKS * 3 * 4:
            self._ended = True
            raise EstimatorEnded(f"MediaPipe's process has ended: {self._last_words()}")
        return answer

    def _answer(self, size: int) -> bytes:
        assert self._process.stdout is not None
        return self._process.stdout.read(size)

    @contextmanager
    def _patience(self) -> Iterator[None]:
        """End a process that hangs: what waits for it then sees that it has ended."""
        self._hung = False

        def give_up(process: subprocess.Popen[bytes] = self._process) -> None:
            self._hung = True
            process.kill()

        timer = Timer(PATIENCE, give_up)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _last_words(self) -> str:
        self._process.kill()
        self._process.wait()
        if self._hung:
            return f"it gave no answer for {PATIENCE:g} s"
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")


def body_25(landmarks: NDArray[np.float32]) -> NDArray[np.float32]:
    """Turn MediaPipe's landmarks, (33, 3) x px, y px, visibility, into BODY_25, (25, 3)."""
    joints = np.zeros((len(BODY_25.joints), 3), np.float32)
    for joint, (one, other) in TAKEN_FROM.items():
        middle = (landmarks[one] + landmarks[other]) / 2
        middle[2] = min(landmarks[one, 2], landmarks[other, 2])
        joints[BODY_25.joints.index(joint)] = middle
    return joints


def pose_python() -> str:
    """Find the Python that has MediaPipe.

    Raises:
        UserError: it is not there; says how to make its environment.
    """
    python = os.environ.get(SETTING) or str(Path(sys.prefix).parent / ".pose" / "bin" / "python")
    if not Path(python).is_file():
        raise UserError(f"estimator mediapipe: {python} is not there; {_advice()}")
    return python


def _advice() -> str:
    folder = Path(sys.prefix).parent / ".pose"
    return (
        f"make its environment with Python 3.11 or 3.12: python3.11 -m venv {folder} && "
        f"{folder}/bin/pip install --no-deps -r {REQUIREMENTS}, or name a Python that has it in {SETTING}"
    )
