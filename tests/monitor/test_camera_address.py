"""A camera at an HTTP address that goes away and comes back, read by OpenCV itself."""

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np
import pytest

from skelmap.monitor.sight import Sight, Trouble
from skelmap.monitor.sources import Camera
from skelmap.monitor.sources import camera as camera_module
from skelmap.poses import BODY_25


class Everybody:
    """Finds a person wherever the picture is brightest."""

    layout = BODY_25

    def people(self, picture: np.ndarray) -> np.ndarray:
        y, x = np.unravel_index(picture[..., 0].argmax(), picture.shape[:2])
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
    seen: list[Sight] = []
    lost = False
    began = time.monotonic()
    for one in camera:
        assert time.monotonic() - began < 60
        if isinstance(one, Trouble):
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
