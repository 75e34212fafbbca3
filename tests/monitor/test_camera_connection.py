"""Network cameras read by OpenCV: reconnection and diagnosis."""

import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np
import pytest

from skelmap.monitor.camera import Camera, CameraTiming
from skelmap.monitor.source_factory import open_sources
from skelmap.monitor.sources import PoseFrame, SourceError
from skelmap.skeletons.layouts import BODY_25
from skelmap.skeletons.readers import PoseFormat


class BrightestPixel:
    """Detects a person at the brightest pixel."""

    layout = BODY_25

    def detect(self, image: np.ndarray) -> np.ndarray:
        y, x = np.unravel_index(image[..., 0].argmax(), image.shape[:2])
        return np.full((1, 25, 3), (x, y, 1), np.float32)

    def close(self) -> None: ...


class MotionJpeg(BaseHTTPRequestHandler):
    """Motion JPEG stream of a bright square that moves to the right."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        try:
            for step in range(10_000):
                if self.server.stopped:  # type: ignore[attr-defined]
                    return
                image = np.zeros((120, 160, 3), np.uint8)
                image[40:60, 5 + step % 140 : 15 + step % 140] = 255
                data = cv2.imencode(".jpg", image)[1].tobytes()
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
                self.wfile.write(head.encode() + data + b"\r\n")
                time.sleep(0.03)
        except OSError:
            pass

    def log_message(self, format: str, *args: object) -> None: ...


def serve(port: int = 0) -> ThreadingHTTPServer:
    server = ThreadingHTTPServer(("127.0.0.1", port), MotionJpeg)
    server.daemon_threads = True
    server.stopped = False  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@pytest.mark.slow
def test_a_camera_that_disappears_is_reconnected_when_it_is_back() -> None:
    server = serve()
    port = server.server_address[1]
    address, timing = f"http://127.0.0.1:{port}/stream.mjpg", CameraTiming(lost=1.0)
    frames: list[PoseFrame] = []
    lost = False
    start = time.monotonic()
    for item in Camera(address, "yard", BrightestPixel(), 30.0, timing=timing):
        assert time.monotonic() - start < 60
        if isinstance(item, SourceError):
            server = server if lost else serve(port)
            lost = True
            continue
        frames.append(item)
        if len(frames) == 20:
            server.stopped = True  # type: ignore[attr-defined]
            server.shutdown()
            server.server_close()
        if lost and len(frames) > 40:
            break
    server.shutdown()
    assert lost and frames[0].size == (160, 120)
    assert [frame.number for frame in frames] == list(range(len(frames)))
    assert frames[5].keypoints[0, 0, 0] != frames[12].keypoints[0, 0, 0]  # the images are new ones


def first_error(address: str) -> str:
    """The first error of a camera."""
    camera = Camera(address, "yard", BrightestPixel(), 30.0, timing=CameraTiming(lost=0.5))
    (error,) = (item for item, _ in zip(camera, range(1), strict=False))
    assert isinstance(error, SourceError)
    return error.text


@pytest.mark.parametrize(
    ("account", "response", "expected"),
    [
        ("", "RTSP/1.0 401 Unauthorized", "401 Unauthorized: it requires an account and a password in the address"),
        ("joe:secret@", "RTSP/1.0 401 Unauthorized", "401 Unauthorized: the account or the password is wrong"),
        ("joe:secret@", "RTSP/1.0 404 Not Found", "404 Not Found: it has no such path"),
        ("", "RTSP/1.0 500 Internal Server Error", "it responds 500 Internal Server Error"),
        ("", "SSH-2.0-OpenSSH_9.2", "its response is not that of a camera"),
    ],
)
def test_the_response_of_a_camera_without_video_is_reported(account: str, response: str, expected: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def respond() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(1000)
                    connection.sendall(f"{response}\r\nCSeq: 1\r\n\r\n".encode())

        threading.Thread(target=respond, daemon=True).start()
        text = first_error(f"rtsp://{account}127.0.0.1:{server.getsockname()[1]}/stream?channel=1")
    assert text.startswith("yard: no image (") and expected in text and "secret" not in text


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("rtsp://127.0.0.1:1/stream", "connection refused"),
        ("rtsp://joe:sec/ret@127.0.0.1/stream", "not an address; in passwords / is written %2F"),
        ("ftp://127.0.0.1/stream", "cannot be opened"),
        ("87", "cannot be opened"),
        ("/dev/v4l/by-id/usb-ret-index0", "cannot be opened"),
    ],
)
def test_the_cause_of_a_failed_connection_is_reported(
    address: str, expected: str, capfd: pytest.CaptureFixture[str]
) -> None:
    text = first_error(address)
    assert expected in text and "ret" not in text
    assert capfd.readouterr().err == ""  # OpenCV logs nothing


def test_a_program_with_a_camera_exits_cleanly() -> None:
    server = serve()
    address = f"http://127.0.0.1:{server.server_address[1]}/stream.mjpg"
    program = f"""
from test_camera_connection import Camera, BrightestPixel
camera = iter(Camera({address!r}, "yard", BrightestPixel(), 30.0))
print(next(camera).size)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, cwd=Path(__file__).parent
    )
    server.shutdown()
    assert (done.returncode, done.stdout, done.stderr) == (0, "(160, 120)\n", "")


@pytest.mark.parametrize("device", ["/dev/v4l/by-id/usb-maker_cam-index0", "/dev/video7", "/dev/null"])
def test_a_device_is_a_camera_also_while_it_is_unplugged(device: str, mediapipe_stand_in: None) -> None:
    with open_sources(device, PoseFormat(fps=15.0), "mediapipe", None, False) as (camera,):
        assert isinstance(camera, Camera)
        assert (camera.address, camera.name, camera.fps, camera.count) == (device, Path(device).name, 15.0, None)
