"""A camera at an address, read by OpenCV itself: it goes away and comes back, and says why there is no picture."""

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

from skelmap.monitor import camera as camera_module
from skelmap.monitor.camera import Camera
from skelmap.monitor.sources import PoseFrame, SourceError
from skelmap.skeletons.layouts import BODY_25


class Everybody:
    """Finds a person wherever the picture is brightest."""

    layout = BODY_25

    def detect(self, image: np.ndarray) -> np.ndarray:
        y, x = np.unravel_index(image[..., 0].argmax(), image.shape[:2])
        return np.full((1, 25, 3), (x, y, 1), np.float32)

    def close(self) -> None: ...


class MotionJpeg(BaseHTTPRequestHandler):
    """Sends a bright square that wanders to the right, as network cameras send pictures."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        try:
            for step in range(10_000):
                if self.server.gone:  # type: ignore[attr-defined]
                    return
                picture = np.zeros((120, 160, 3), np.uint8)
                picture[40:60, 5 + step % 140 : 15 + step % 140] = 255
                data = cv2.imencode(".jpg", picture)[1].tobytes()
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
                self.wfile.write(head.encode() + data + b"\r\n")
                time.sleep(0.03)
        except OSError:
            pass

    def log_message(self, format: str, *args: object) -> None: ...


def serve(port: int = 0) -> ThreadingHTTPServer:
    server = ThreadingHTTPServer(("127.0.0.1", port), MotionJpeg)
    server.daemon_threads = True
    server.gone = False  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@pytest.mark.slow
def test_a_camera_that_goes_away_is_read_again_when_it_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera_module, "LOST", 1.0)
    server = serve()
    port = server.server_address[1]
    camera = Camera(f"http://127.0.0.1:{port}/stream.mjpg", "yard", Everybody(), 30.0)
    seen: list[PoseFrame] = []
    lost = False
    began = time.monotonic()
    for one in camera:
        assert time.monotonic() - began < 60
        if isinstance(one, SourceError):
            server = server if lost else serve(port)
            lost = True
            continue
        seen.append(one)
        if len(seen) == 20:
            server.gone = True  # type: ignore[attr-defined]
            server.shutdown()
            server.server_close()
        if lost and len(seen) > 40:
            break
    server.shutdown()
    assert lost and seen[0].size == (160, 120)
    assert [one.number for one in seen] == list(range(len(seen)))
    assert seen[5].keypoints[0, 0, 0] != seen[12].keypoints[0, 0, 0]  # what it gives are the newest pictures


def what_is_said(address: str) -> str:
    """Text of the first trouble with a camera."""
    camera = Camera(address, "yard", Everybody(), 30.0)
    (trouble,) = (one for one, _ in zip(camera, range(1), strict=False))
    assert isinstance(trouble, SourceError)
    return trouble.text


@pytest.mark.parametrize(
    ("account", "answer", "said"),
    [
        ("", "RTSP/1.0 401 Unauthorized", "401 Unauthorized: it wants an account and a password in the address"),
        ("joe:secret@", "RTSP/1.0 401 Unauthorized", "401 Unauthorized: the account or the password is wrong"),
        ("joe:secret@", "RTSP/1.0 404 Not Found", "404 Not Found: it has no such path"),
        ("", "RTSP/1.0 500 Internal Server Error", "it answers 500 Internal Server Error"),
        ("", "SSH-2.0-OpenSSH_9.2", "it does not answer as a camera does"),
    ],
)
def test_a_network_camera_without_pictures_is_asked_why(
    account: str, answer: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(camera_module, "LOST", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answering() -> None:
            while True:
                try:
                    caller, _ = server.accept()
                except OSError:
                    return
                with caller:
                    caller.recv(1000)
                    caller.sendall(f"{answer}\r\nCSeq: 1\r\n\r\n".encode())

        threading.Thread(target=answering, daemon=True).start()
        text = what_is_said(f"rtsp://{account}127.0.0.1:{server.getsockname()[1]}/stream?channel=1")
    assert text.startswith("yard: no picture (") and said in text and "secret" not in text


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("rtsp://127.0.0.1:1/stream", "connection refused"),
        ("rtsp://joe:sec/ret@127.0.0.1/stream", "not an address; in passwords / is written %2F"),
        ("ftp://127.0.0.1/stream", "cannot be opened"),
        ("87", "cannot be opened"),
    ],
)
def test_a_camera_that_is_not_there_is_said_to_be_so(
    address: str, said: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(camera_module, "LOST", 0.5)
    text = what_is_said(address)
    assert said in text and "ret" not in text
    assert capfd.readouterr().err == ""  # OpenCV keeps quiet


def test_a_program_that_watched_a_camera_ends_as_it_should() -> None:
    server = serve()
    address = f"http://127.0.0.1:{server.server_address[1]}/stream.mjpg"
    program = f"""
from test_camera_address import Camera, Everybody
camera = iter(Camera({address!r}, "yard", Everybody(), 30.0))
print(next(camera).size)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, cwd=Path(__file__).parent
    )
    server.shutdown()
    assert (done.returncode, done.stdout, done.stderr) == (0, "(160, 120)\n", "")
