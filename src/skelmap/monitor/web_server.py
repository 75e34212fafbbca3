"""Web page with the skeletons, the score and the alarms of a running monitor."""

import json
import logging
import math
import socket
import threading
from collections import deque
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any

from skelmap.monitor.event_log import event_record
from skelmap.monitor.sinks import Sink
from skelmap.monitor.sources import Source
from skelmap.monitor.stream import Event, FrameResult
from skelmap.skeletons.layouts import with_neck
from skelmap.utils.errors import UserError

LOOPBACK = ("127.0.0.1", "localhost", "::1")
MAX_VIEWERS = 16
MAX_EVENTS = 50
MAX_SCORES = 900
"""Length of the score curve for new viewers: half a minute at 30 frames per second."""
UPDATES_PER_SECOND = 15
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
}
FILES = {
    "/": ("page.html", "text/html; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
}
log = logging.getLogger(__name__)


class WebPage(Sink):
    """Serves the web page and its stream of states. The page is read-only, and never gets camera images.

    Args:
        host: address to listen on; a loopback address is reachable from this machine only.
        port: 0 for any free port.
        threshold: of the alarms.
        about: texts about the model for the page's header.

    Raises:
        UserError: it cannot listen on the address.
    """

    def __init__(self, host: str, port: int, threshold: float, about: Sequence[str] = ()) -> None:
        self._changed = threading.Condition()
        self._version = 0
        self._state: dict[str, Any] = {"about": list(about), "threshold": threshold}
        self._source: Source | None = None
        self._events: deque[dict[str, Any]] = deque(maxlen=MAX_EVENTS)
        self._curve: deque[tuple[float, float]] = deque(maxlen=MAX_SCORES)
        self.viewers = threading.Semaphore(MAX_VIEWERS)
        self.closed = False
        try:
            self._server = _Server((host, port), self)
        except OSError as error:
            raise UserError(f"web.host={host} web.port={port}: cannot listen there ({error.strerror})") from error
        self.host, self.port = host, int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, name="web page", daemon=True).start()

    @property
    def address(self) -> str:
        """URL of the page."""
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}/"

    def on_source_start(self, source: Source) -> None:
        """Show a new source."""
        self._source = source
        with self._changed:
            self._curve.clear()
        self._update(source=source.name, limbs=source.layout.limbs, people=[], score=None)

    def on_frame(self, result: FrameResult, latency_ms: float) -> None:
        """Show a frame."""
        assert self._source is not None
        frame = result.frame
        keypoints = with_neck(frame.keypoints, self._source.layout)
        people = [
            {
                "person": number,
                "alarm": number in result.alarmed,
                "joints": [[round(x), round(y)] if confidence > 0 else None for x, y, confidence in joints.tolist()],
            }
            for number, joints in zip(frame.person_ids.tolist(), keypoints, strict=True)
        ]
        score = max((score.score for score in result.scores if math.isfinite(score.score)), default=None)
        if score is not None:
            with self._changed:
                self._curve.append((frame.time, score))
        self._update(time=frame.time, size=frame.size, people=people, score=score, latency_ms=round(latency_ms, 1))

    def on_event(self, event: Event) -> None:
        """Show an event, the newest first."""
        assert self._source is not None
        self._events.appendleft(event_record(self._source, event, self._state["threshold"]))
        self._update(events=list(self._events))

    def on_status(self, errors: Sequence[str]) -> None:
        """Show the current errors."""
        self._update(errors=list(errors))

    def close(self) -> None:
        """Send a last state and stop the server."""
        self.closed = True
        self._update(errors=["the monitor has ended"], people=[])
        self._server.shutdown()
        self._server.server_close()

    def wait_for_state(self, version: int, seconds: float) -> tuple[int, dict[str, Any]]:
        """Wait until the published state is newer than the one that a browser has.

        Args:
            version: version number that the browser has; -1 for a new one, whose first state holds the past scores.
            seconds: longest wait.

        Returns:
            The newest version number and its state, the same as before if the wait timed out.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._version > version, seconds)
            curve = {"curve": list(self._curve)} if version < 0 else {}
            return self._version, {**self._state, **curve}

    def _update(self, **changes: Any) -> None:
        with self._changed:
            self._state = {**self._state, **changes}
            self._version += 1
            self._changed.notify_all()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], page: WebPage) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.page = page
        super().__init__(address, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        log.debug("the browser has disconnected", exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    """Handles the requests of one connection."""

    server: _Server
    timeout = 30
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "skelmap", ""

    def do_GET(self) -> None:
        """Send the page, its files, or the stream of states."""
        if not self._is_host_allowed():
            self.send_error(403, "this page is available on its own machine only")
        elif self.path in FILES:
            name, content_type = FILES[self.path]
            self._send(content_type, (files("skelmap.monitor") / "web" / name).read_bytes())
        elif self.path == "/stream":
            self._stream()
        else:
            self.send_error(404)

    def _is_host_allowed(self) -> bool:
        """Refuse foreign host names that resolve to this machine (DNS rebinding)."""
        name = self.headers.get("Host", "").rsplit(":", 1)[0].strip("[]")
        return self.server.page.host not in LOOPBACK or name in LOOPBACK

    def _send(self, content_type: str, content: bytes) -> None:
        self._send_headers({"Content-Type": content_type, "Content-Length": str(len(content))})
        self.wfile.write(content)

    def _send_headers(self, headers: dict[str, str]) -> None:
        self.send_response(200)
        for key, value in {**HEADERS, **headers}.items():
            self.send_header(key, value)
        self.end_headers()

    def _stream(self) -> None:
        """Send each state as a server-sent event until the browser disconnects."""
        page = self.server.page
        if not page.viewers.acquire(blocking=False):
            self.send_error(503, f"there are {MAX_VIEWERS} viewers already")
            return
        try:
            self._send_headers({"Content-Type": "text/event-stream", "Connection": "close"})
            version, closed = -1, False
            while not closed:
                closed = page.closed  # read before the state, so that the last state is sent
                version, state = page.wait_for_state(version, 1.0)
                self.wfile.write(f"data: {json.dumps(state)}\n\n".encode())
                self.wfile.flush()
                threading.Event().wait(1 / UPDATES_PER_SECOND)
        except OSError:
            pass  # the browser has disconnected
        finally:
            page.viewers.release()
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Log requests at debug level."""
        log.debug(format, *args)
