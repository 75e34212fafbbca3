"""MediaPipe's side of the pipe; `mediapipe_client.py` starts it with the Python of another environment.

It says READY, reads pictures (height and width as uint32, then height x width x 3 bytes, RGB) until nothing more comes,
and answers each with LANDMARKS x (x px, y px, visibility) as float32, all 0 where nobody is seen.
"""

import os
import struct
import sys

import numpy as np

READY = b"pose"
LANDMARKS = 33


def main() -> None:
    """Answer pictures until the parent closes the pipe, or is gone."""
    from mediapipe.python.solutions.pose import Pose  # here, so that the client can import what is above

    pictures, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print must not mingle with the answers
    with Pose(model_complexity=1) as pose:
        answers.write(READY)
        answers.flush()
        while len(header := pictures.read(8)) == 8:
            height, width = struct.unpack("<II", header)
            content = pictures.read(height * width * 3)
            if len(content) < height * width * 3:
                break
            found = pose.process(np.frombuffer(content, np.uint8).reshape(height, width, 3)).pose_landmarks
            joints = np.zeros((LANDMARKS, 3), "<f4")
            if found:
                joints[:] = [(p.x * width, p.y * height, p.visibility) for p in found.landmark]
            answers.write(joints.tobytes())
            answers.flush()


if __name__ == "__main__":
    main()
