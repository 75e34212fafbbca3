"""The subprocess that runs MediaPipe; `mediapipe.py` starts it with the Python of another environment.

Protocol over its standard input and output: it writes READY; then it reads images (height and width as uint32, then
height x width x 3 bytes, RGB) until the input ends, and writes for each LANDMARKS x (x px, y px, visibility) as
float32, all 0 if it detects nobody.
"""

import os
import struct
import sys

import numpy as np

READY = b"pose"
LANDMARKS = 33


def main() -> None:
    """Process images until the parent process closes the pipe or ends."""
    from mediapipe.python.solutions.pose import (
        Pose,  # not installed in the environment of mediapipe.py, which imports this file
    )

    images, results = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # output that libraries print must not mix with the results
    with Pose(model_complexity=1) as pose:
        results.write(READY)
        results.flush()
        while len(header := images.read(8)) == 8:
            height, width = struct.unpack("<II", header)
            content = images.read(height * width * 3)
            if len(content) < height * width * 3:
                break
            found = pose.process(np.frombuffer(content, np.uint8).reshape(height, width, 3)).pose_landmarks
            joints = np.zeros((LANDMARKS, 3), "<f4")
            if found:
                joints[:] = [(p.x * width, p.y * height, p.visibility) for p in found.landmark]
            results.write(joints.tobytes())
            results.flush()


if __name__ == "__main__":
    main()
