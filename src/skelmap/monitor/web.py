"""A web page that shows the camera's skeletons, the score and the alarms as they come."""

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

from skelmap.monitor.event_log import describe
from skelmap.monitor.sinks import Sink
from skelmap.monitor.sources import Source
from skelmap.monitor.stream import Event, FrameResult
from skelmap.skeletons.layouts import with_neck
from skelmap.utils.errors import UserError

LOOPBACK = ("127.0.0.1", "localhost", "::1")
VIEWERS = 16
KEPT_EVENTS = 50
KEPT_SCORES = 900
"""Half a minute at 30 frames a second, for who looks later."""
SHOWN_A_SECOND = 15
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
    """Serve the page and what it shows; nothing can be changed through it, and pictures are never sent.

    Args:
        host: address to listen on; loopback unless others may look.
        port: 0 for any that is free.
        about: sentences about the model, for its head.
        threshold: of the alarms; None without alarms.

    Raises:
        UserError: the address cannot be had.
    """

    def __init__(self, host: str, port: int, about: Sequence[str] = (), threshold: float | None = None) -> None:
        self._news = threading.Condition()
        self._version = 0
        self._state: dict[str, Any] = {"about": list(about), "threshold": threshold}
        self._source: Source | None = None
        self._events: deque[dict[str, Any]] = deque(maxlen=KEPT_EVENTS)
        self._curve: deque[tuple[float, float]] = deque(maxlen=KEPT_SCORES)
        self._viewers = threading.Semaphore(VIEWERS)
        self.closed = False
        page = self

        class Handler(_Handler):
            of = page

        class Server(ThreadingHTTPServer):
            address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                log.debug("a browser has left in the middle", exc_info=True)

        try:
            self._server = Server((host, port), Handler)
        except OSError as error:
            raise UserError(f"host={host} page={port}: cannot listen there ({error.strerror})") from error
        self.host, self.port = host, int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, name="page", daemon=True).start()

    @property
    def address(self) -> str:
        """Where a browser finds it."""
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}/"

    def begin(self, source: Source) -> None:
        """Show a source from now on."""
        self._source = source
        with self._news:
            self._curve.clear()
        self._put(source=source.name, limbs=source.layout.limbs, troubles=[], people=[], score=None)

    def frame(self, verdict: FrameResult, latency_ms: float) -> None:
        """Show a frame."""
        assert self._source is not None
        sight = verdict.sight
        keypoints = with_neck(sight.keypoints, self._source.layout)
        people = [
            {
                "person": number,
                "alarm": number in verdict.alarmed,
                "joints": [[round(x), round(y)] if seen > 0 else None for x, y, seen in joints.tolist()],
            }
            for number, joints in zip(sight.person.tolist(), keypoints, strict=True)
        ]
        scores = [scored.score for scored in verdict.scores if math.isfinite(scored.score)]
        score = max(scores, default=None)
        latency = round(latency_ms, 1)
        if score is not None:
            with self._news:
                self._curve.append((sight.time, score))
        self._put(time=sight.time, size=sight.size, people=people, score=score, latency_ms=latency)

    def event(self, event: Event) -> None:
        """Show an event, newest first."""
        assert self._source is not None
        self._events.appendleft(describe(self._source, event, self._state["threshold"]))
        self._put(events=list(self._events))

    def on_status(self, texts: Sequence[str]) -> None:
        """Show what is wrong."""
        self._put(troubles=list(texts))

    def close(self) -> None:
        """Say goodbye and stop serving."""
        self.closed = True
        self._put(troubles=["the monitor has ended"], people=[])
        self._server.shutdown()
        self._server.server_close()

    def _put(self, **changes: Any) -> None:
        with self._news:
            self._state = {**self._state, **changes}
            self._version += 1
            self._news.notify_all()

    def newer(self, version: int, seconds: float) -> tuple[int, dict[str, Any]]:
        """Wait for a state newer than `version`, up to so many seconds; give the newest.

        Who knows none yet, version -1, is also told the scores of the last half minute.
        """
        with self._news:
            self._news.wait_for(lambda: self._version > version, seconds)
            past = {"curve": list(self._curve)} if version < 0 else {}
            return self._version, {**self._state, **past}


class _Handler(BaseHTTPRequestHandler):
    """Answers one browser."""

    of: WebPage
    timeout = 30
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "skelmap", ""

    def do_GET(self) -> None:
        """Give the page, its parts, or the stream of what is seen."""
        if not self._meant_for_us():
            self.send_error(403, "this page is for this machine alone")
        elif self.path in FILES:
            name, kind = FILES[self.path]
            self._give(kind, (files("skelmap.monitor") / "web" / name).read_bytes())
        elif self.path == "/stream":
            self._stream()
        else:
            self.send_error(404)

    def _meant_for_us(self) -> bool:
        """Refuse names that others made point to this machine (DNS rebinding)."""
        name = self.headers.get("Host", "").rsplit(":", 1)[0].strip("[]")
        return self.of.host not in LOOPBACK or name in LOOPBACK

    def _give(self, kind: str, content: bytes) -> None:
        self.send_response(200)
        for key, value in {**HEADERS, "Content-Type": kind, "Content-Length": str(len(content))}.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(content)

    def _stream(self) -> None:
        """Send each state as it comes, as server-sent events, until the browser leaves."""
        if not self.of._viewers.acquire(blocking=False):
            self.send_error(503, f"{VIEWERS} are looking already")
            return
        try:
            self.send_response(200)
            for key, value in {**HEADERS, "Content-Type": "text/event-stream", "Connection": "close"}.items():
                self.send_header(key, value)
            self.end_headers()
            version, closed = -1, False
            while not closed:
                closed = self.of.closed  # looked at before the state: the goodbye is sent, too
                version, state = self.of.newer(version, 1.0)
                self.wfile.write(f"data: {json.dumps(state)}\n\n".encode())
                self.wfile.flush()
                threading.Event().wait(1 / SHOWN_A_SECOND)
        except OSError:
            pass  # the browser has left
        finally:
            self.of._viewers.release()
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet: what matters is on the page."""
        log.debug(format, *args)
